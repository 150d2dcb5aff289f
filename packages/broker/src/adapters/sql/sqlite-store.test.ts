import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { describeStore } from '../../ports/store.suite.ts';
import { row } from '../../ports/store-suite/rows.suite.ts';
import { suiteMac } from '../../ports/store-suite/stage.suite.ts';
import type { AuditMac } from './audit-chains.ts';
import { createSqliteStore, type SqliteStoreOptions } from './sqlite-store.ts';

const root = mkdtempSync(join(tmpdir(), 'leasehold-store-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const fresh = () => join(mkdtempSync(join(root, 'each-')), 'leasehold.db');
const open = (path: string, options: Partial<SqliteStoreOptions> = {}) =>
  createSqliteStore({ path, epoch: 'epoch', now: () => 1_000, auditMac: suiteMac, ...options });

describeStore('the store in SQLite', async () => {
  const clock = { now: 1_000 };
  return { clock, store: open(fresh(), { now: () => clock.now }) };
});

const addTenant = (store: ReturnType<typeof open>, id: string) =>
  store.ledger.commit({ tenant: undefined, lock: 'update' }, () => ({
    changes: [{ put: 'tenant', row: row.tenant(id) }],
    revocations: [{ scope: 'tenant', ids: [id], reason: 'suspended' }],
    audit: [row.event()],
    result: undefined,
  }));

describe('the store in SQLite, opened again,', () => {
  test('has everything it had: rows, log and trail', async () => {
    const path = fresh();
    const store = open(path);
    await addTenant(store, 't1');
    const head = await store.audit.head('t1');
    await store.close();
    const again = open(path);
    const { tenant, head: { epoch } = { epoch: '' } } = await again.directory.find({ tenant: { name: 't1' } });
    expect(tenant).toEqual(row.tenant('t1', { cutSeq: 1 }));
    expect((await again.log.after('t1', { epoch, seq: 0 }, 10)).map(({ seq }) => seq)).toEqual([1]);
    expect(await again.audit.rows('t1', 0, 10)).toHaveLength(1);
    expect(await again.audit.head('t1')).toEqual(head);
    await again.close();
  });

  test('speaks of its log under the new epoch, at the seq where it stood', async () => {
    const path = fresh();
    const store = open(path, { epoch: 'before' });
    expect((await addTenant(store, 't1')).head).toEqual({ epoch: 'before', seq: 1 });
    await store.close();
    const again = open(path, { epoch: 'after' });
    expect(await again.log.heads(['t1'])).toEqual(new Map([['t1', { epoch: 'after', seq: 1 }]]));
    await again.close();
  });
});

test('INV-13: when the signed head can not be written, nothing of the commit is', async () => {
  const auditMac: AuditMac = () => {
    throw new Error('no key');
  };
  const store = open(fresh(), { auditMac });
  await expect(addTenant(store, 't1')).rejects.toMatchObject({ name: 'AppError', code: 'store_unavailable' });
  expect((await store.directory.find({ tenant: { id: 't1' } })).tenant).toBeUndefined();
  await store.close();
});

describe('closing', () => {
  test('commits what was asked for before, and refuses what comes after', async () => {
    const path = fresh();
    const store = open(path);
    const before = addTenant(store, 't1');
    await store.close();
    await expect(before).resolves.toMatchObject({ head: { seq: 1 } });
    await expect(addTenant(store, 't2')).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(store.check()).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(store.log.heads(['t1'])).rejects.toMatchObject({ code: 'store_unavailable' });
    const again = open(path);
    expect((await again.directory.find({ tenant: { id: 't1' } })).tenant?.id).toBe('t1');
    await again.close();
  });

  test('twice is closing once', async () => {
    const store = open(fresh());
    await store.close();
    await store.close();
  });
});
