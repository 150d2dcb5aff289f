import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, test } from 'vitest';
import { describeStore } from '../../ports/store.suite.ts';
import { suiteMac } from '../../ports/store-suite/stage.suite.ts';
import { createSqliteStore } from './sqlite-store.ts';

const root = mkdtempSync(join(tmpdir(), 'leasehold-store-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const fresh = () => join(mkdtempSync(join(root, 'each-')), 'state', 'leasehold.db');
const open = (path: string, now = () => 1_000) => createSqliteStore({ path, epoch: 'epoch', now, auditMac: suiteMac });

describeStore('the store in SQLite', async () => {
  const clock = { now: 1_000 };
  return { clock, store: open(fresh(), () => clock.now) };
});

describe('the file', () => {
  test('is made readable by its owner alone, in a directory that nobody else may enter', async () => {
    const path = fresh();
    const store = open(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700);
    await store.close();
  });

  test('serves one broker: a second one is refused, and told what to do', async () => {
    const path = fresh();
    const store = open(path);
    expect(() => open(path)).toThrow('in use by another broker');
    await store.close();
    await open(path).close();
  });

  test('that is corrupt is refused and left as it is', () => {
    const path = fresh();
    open(path).close();
    writeFileSync(path, 'no database at all, but long enough to look at'.repeat(100));
    const before = readFileSync(path);
    expect(() => open(path)).toThrow(expect.objectContaining({ code: 'store_unavailable' }));
    expect(readFileSync(path)).toEqual(before);
  });

  test('that a newer version wrote is refused', () => {
    const path = fresh();
    open(path).close();
    const raw = new DatabaseSync(path);
    raw.exec('PRAGMA user_version = 999');
    raw.close();
    expect(() => open(path)).toThrow('newer version');
  });

  test('keeps everything over a restart', async () => {
    const path = fresh();
    const store = open(path);
    await store.ledger.commit({ tenant: undefined, lock: 'update' }, () => ({
      changes: [{ put: 'tenant', row: { id: 't1', name: 'one', status: 'active', cutSeq: 0, createdAt: 1 } }],
      revocations: [],
      audit: [{ actor: { kind: 'system', id: 's' }, action: 'tenant.created', outcome: 'allowed' }],
      result: undefined,
    }));
    await store.close();
    const again = open(path);
    expect((await again.directory.find({ tenant: { name: 'one' } })).tenant?.id).toBe('t1');
    expect(await again.audit.rows('t1', 0, 10)).toHaveLength(1);
    await again.close();
  });
});

test('INV-13: when the audit row can not be written, nothing is', async () => {
  const store = createSqliteStore({
    path: fresh(),
    epoch: 'epoch',
    now: () => 1_000,
    auditMac: () => {
      throw new Error('no key');
    },
  });
  const commit = store.ledger.commit({ tenant: undefined, lock: 'update' }, () => ({
    changes: [{ put: 'tenant', row: { id: 't1', name: 'one', status: 'active', cutSeq: 0, createdAt: 1 } }],
    revocations: [],
    audit: [{ actor: { kind: 'system', id: 's' }, action: 'tenant.created', outcome: 'allowed' }],
    result: undefined,
  }));
  await expect(commit).rejects.toMatchObject({ code: 'store_unavailable' });
  expect((await store.directory.find({ tenant: { id: 't1' } })).tenant).toBeUndefined();
  await store.close();
});
