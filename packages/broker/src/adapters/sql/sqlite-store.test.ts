import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, test } from 'vitest';
import { verifyAudit } from '../../app/verify-audit.ts';
import { describeStore } from '../../ports/store.suite.ts';
import { row } from '../../ports/store-suite/rows.suite.ts';
import { suiteMac } from '../../ports/store-suite/stage.suite.ts';
import type { AuditMac } from './audit-chains.ts';
import { createSqliteStore, type SqliteStoreOptions } from './sqlite-store.ts';

const root = mkdtempSync(join(tmpdir(), 'leasehold-store-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
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

describe('INV-13: a trail in which somebody else wrote what can not be read', () => {
  const rowThree = (change: string) => `UPDATE audit SET ${change} WHERE seq = 3`;
  const event = { actor: { kind: 'operator', id: 'o' }, action: 'tenant.killed', outcome: 'allowed' };

  test.each([
    ['no JSON', rowThree("event = 'x'"), 3],
    ['nothing of an event', rowThree("event = '{}'"), 3],
    ['null', rowThree("event = 'null'"), 3],
    ['a detail that is none', rowThree(`event = '${JSON.stringify({ ...event, detail: null })}'`), 3],
    ['a field that no hash covers', rowThree("event = json_set(event, '$.more', 'x')"), 3],
    ['a time that is none', rowThree("at = 'yesterday'"), 3],
    ['a time that no number holds', rowThree('at = 9007199254740992'), 3],
    ['a hash that is none', rowThree("hash = 'x'"), 3],
    ['a head that is none', "UPDATE tenants SET audit_hash = 'x'", 5],
    ['a signature that is none', "UPDATE tenants SET audit_mac = 'x'", 5],
    ['an end that no number holds', 'UPDATE tenants SET audit_seq = 9007199254740992', 1],
    ['a row that no number holds', 'UPDATE audit SET seq = 9007199254740992 WHERE seq = 3', 3],
    ['a row far before the first', 'UPDATE audit SET seq = -9007199254740993 WHERE seq = 3', 3],
  ])('%s: it is named, and every other row is shown', async (_, sql, badSeq) => {
    const path = fresh();
    const store = open(path);
    const audit = { ...row.event(), action: 'tenant.created' as const };
    const record = () => ({
      changes: [{ put: 'tenant' as const, row: row.tenant('t1') }],
      revocations: [],
      audit: [audit],
      result: undefined,
    });
    for (let n = 0; n < 5; n++) await store.ledger.commit({ tenant: n === 0 ? undefined : { id: 't1' }, lock: 'update' }, record);
    await store.close();
    const database = new DatabaseSync(path);
    database.exec(sql);
    database.close();
    const again = open(path);
    const steps = await Array.fromAsync(verifyAudit({ audit: again.audit, sha256, auditMac: suiteMac }, 't1'));
    expect(steps.at(-1)).toMatchObject({ done: true, intact: false, badSeq });
    expect(await again.audit.newest('t1', 10)).toHaveLength(5);
    const after = (await again.audit.rows('t1', 0, 10)).at(-1)?.seq ?? 0;
    expect(await again.audit.rows('t1', after, 10)).toEqual([]);
    await again.close();
  });
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
