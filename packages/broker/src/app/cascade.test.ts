import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, expect, test } from 'vitest';
import { createSqliteStore } from '../adapters/sql/sqlite-store.ts';
import { bytes, createRig, draft, grantDraft } from './broker-rig.suite.ts';
import { describeCascade } from './cascade.suite.ts';

const root = mkdtempSync(join(tmpdir(), 'leasehold-cascade-'));
afterAll(() => rmSync(root, { recursive: true }));

describeCascade('the store in memory', (store) => store);
describeCascade('SQLite', (_, options) => createSqliteStore({ path: join(mkdtempSync(join(root, 'each-')), 'leasehold.db'), ...options }));

test('INV-3: the kill switch writes the parent, a row of the log and a row of the trail for each tenant, however much hangs below', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'leasehold-cascade-'));
  const path = join(dir, 'leasehold.db');
  const open = () => createRig((_, options) => createSqliteStore({ path, ...options }));
  const rig = open();
  const { admin, root, lending } = rig;
  for (const tenant of ['one', 'two']) {
    const caller = await rig.session(tenant, 'agent');
    const { id: credentialId } = await admin.addCredential(root, tenant, draft('api'), bytes('sk-first-000'));
    await admin.putGrant(root, tenant, grantDraft('agent', 'api'));
    await Promise.all(Array.from({ length: 200 }, () => lending.issueLease(caller, { credentialId, ttlMs: 0 })));
  }
  // The store keeps the file to itself, so it is looked at from outside only when it is closed.
  await rig.store.close();
  const before = dump(path);
  const again = open();
  await again.admin.killAll(root);
  await again.store.close();
  expect(written(before, dump(path))).toEqual({ tenants: 2, revocations: 2, audit: 2, store_state: 1 });
  rmSync(dir, { recursive: true });
});

type Dump = ReadonlyMap<string, readonly string[]>;

function dump(path: string): Dump {
  const database = new DatabaseSync(path, { readOnly: true });
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").all();
  const rows = new Map(
    tables.map(({ name }) => [
      String(name),
      database
        .prepare(`SELECT * FROM "${name}"`)
        .all()
        .map((row) => JSON.stringify(row)),
    ]),
  );
  database.close();
  return rows;
}

/** Rows that are new or not what they were, by table. */
function written(before: Dump, after: Dump): Record<string, number> {
  const counts = [...after].map(([table, rows]) => {
    const known = new Set(before.get(table));
    return [table, rows.filter((row) => !known.has(row)).length] as const;
  });
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
