import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { throughBaseUrl } from '../harness/agent-http.ts';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { addCredential, eventually, grant } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

let stack: DevStack;
let vendor: Vendor;

/** One call under each credential. */
const paths = ['/one/x', '/two/two/x'] as const;

beforeEach(async () => {
  vendor = await startVendor();
  stack = await startDevStack();
  await addCredential(stack, vendor, { name: 'one', value: 'sk-at-rest-one-000000' });
  await addCredential(stack, { ...vendor, url: `${vendor.url}/two` }, { name: 'two', value: 'sk-at-rest-two-000000' });
  for (const name of ['one', 'two']) await grant(stack, name);
  for (const path of paths)
    await eventually(
      () => throughBaseUrl(stack.proxyPort, path),
      ({ status }) => status === 200,
    );
});

afterEach(async () => {
  await stack.close();
  await vendor.close();
});

/** Of a tenant, behind its signed end. */
const oneMoreRow = 'INSERT INTO audit SELECT tenant_id, seq + 1, at, event, hash FROM audit WHERE seq = (SELECT max(seq) FROM audit)';

/** Stops the product, lets somebody with access to the disk at its database, and starts it again on the same directory. */
async function tamper(change: (database: DatabaseSync) => void): Promise<void> {
  await stack.stop();
  const database = new DatabaseSync(await databaseFile());
  change(database);
  database.close();
  stack = await startDevStack({ dir: stack.dir });
}

async function databaseFile(): Promise<string> {
  const folder = join(stack.dir, 'broker');
  const name = (await readdir(folder)).find((each) => each.endsWith('.db'));
  return join(folder, name ?? 'leasehold.db');
}

describe('INV-12: at rest', () => {
  test('no value is readable in any file of the broker', async () => {
    const folder = join(stack.dir, 'broker');
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const bytes = await readFile(join(entry.parentPath, entry.name));
      for (const value of ['sk-at-rest-one-000000', 'sk-at-rest-two-000000']) {
        expect([bytes.includes(value), entry.name]).toEqual([false, entry.name]);
        expect(bytes.includes(Buffer.from(value).toString('base64'))).toBe(false);
      }
    }
  });

  test('values swapped between two credentials open for neither', async () => {
    await tamper((database) => {
      const rows = database.prepare('SELECT rowid AS id, nonce, ciphertext FROM credential_values ORDER BY rowid').all();
      const [first, second] = rows;
      const put = database.prepare('UPDATE credential_values SET nonce = ?, ciphertext = ? WHERE rowid = ?');
      put.run(second?.nonce ?? null, second?.ciphertext ?? null, first?.id ?? null);
      put.run(first?.nonce ?? null, first?.ciphertext ?? null, second?.id ?? null);
      expect(rows).toHaveLength(2);
    });
    vendor.seen.length = 0;
    for (const path of paths) {
      const answer = await eventually(
        () => throughBaseUrl(stack.proxyPort, path),
        ({ code }) => code !== 'out_of_step' && code !== 'no_grant',
      );
      expect([path, answer.code]).toEqual([path, 'value_unreadable']);
    }
    expect(vendor.seen).toEqual([]);
  });
});

describe('INV-13: the audit trail names its first bad row', () => {
  test('untouched, it verifies', async () => {
    expect((await stack.cli(['audit', 'verify'])).code).toBe(0);
  });

  test.each([
    ['changed', "UPDATE audit SET event = replace(event, 'allowed', 'denied') WHERE seq = 3", 3],
    ['made unreadable', "UPDATE audit SET event = 'x', at = 'yesterday', hash = 'none' WHERE seq = 3", 3],
    ['deleted', 'DELETE FROM audit WHERE seq = 3', 3],
    ['cut off at the end', 'DELETE FROM audit WHERE seq >= 4', 4],
  ])('a row that was %s is named', async (_, sql, badSeq) => {
    await tamper((database) => {
      expect(Number(database.prepare(sql).run().changes)).toBeGreaterThan(0);
    });
    const verdict = await stack.cli(['audit', 'verify', '--json']);
    expect(verdict.code).not.toBe(0);
    expect(JSON.parse(verdict.stdout)).toMatchObject({ intact: false, bad_seq: badSeq });
    expect((await stack.ok(['audit', 'export'])).split('\n').length).toBeGreaterThan(3);
  });

  test('a row that was put behind the signed end is named', async () => {
    let badSeq = 0;
    await tamper((database) => {
      badSeq = Number(database.prepare('SELECT max(seq) + 1 AS next FROM audit').get()?.next);
      database.exec(oneMoreRow);
    });
    expect(JSON.parse((await stack.cli(['audit', 'verify', '--json'])).stdout)).toMatchObject({ intact: false, bad_seq: badSeq });
  });

  test.each([
    [
      'cut off, and its end set back',
      'DELETE FROM audit WHERE seq > 4',
      'audit_seq = 4, audit_hash = (SELECT hash FROM audit WHERE seq = 4)',
    ],
    ['taken out altogether', 'DELETE FROM audit', 'audit_seq = 0, audit_hash = zeroblob(32)'],
    ['taken out with its signature', 'DELETE FROM audit', "audit_seq = 0, audit_hash = zeroblob(32), audit_mac = x''"],
    ['followed by rows of somebody else', oneMoreRow, 'audit_seq = audit_seq'],
    ['given another end', 'SELECT 1', 'audit_seq = audit_seq - 1'],
  ])('a trail that was %s is not made whole by what the broker records next, and revoking still works', async (_, cut, end) => {
    await tamper((database) => database.exec(`${cut}; UPDATE tenants SET ${end}`));
    for (const verb of ['suspend', 'resume']) await stack.ok(['credential', verb, 'one']);
    const verdict = await stack.cli(['audit', 'verify', '--json']);
    expect([verdict.code, JSON.parse(verdict.stdout).intact]).toEqual([1, false]);
  });

  test.each([
    ['changed', 'UPDATE tenants SET audit_seq = audit_seq - 1'],
    ['taken out with its signature', "DELETE FROM audit; UPDATE tenants SET audit_seq = 0, audit_hash = zeroblob(32), audit_mac = x''"],
  ])('no record, no lease: nothing is lent on a trail that was %s', async (_, sql) => {
    await tamper((database) => database.exec(sql));
    const refused = await eventually(
      () => throughBaseUrl(stack.proxyPort, '/one/x'),
      ({ code }) => code !== 'out_of_step',
    );
    expect([refused.status, refused.code]).toEqual([503, 'store_unavailable']);
  });
});

test('damage in one tenant does not keep the others from being cut off, and what is left is named', async () => {
  await stack.ok(['tenant', 'add', 'damaged']);
  await tamper((database) => database.exec("UPDATE tenants SET status = 'x' WHERE name = 'damaged'"));
  await eventually(
    () => throughBaseUrl(stack.proxyPort, '/one/x'),
    ({ status }) => status === 200,
  );
  const killed = await stack.cli(['kill', 'all', '--yes', '--wait']);
  expect([killed.code, killed.stdout]).toEqual([1, expect.stringContaining('the rest is cut off: 1 tenant')]);
  expect(killed.stderr).toMatch(/NOT cut off: damaged \(.*column status.*\nStop the broker/s);
  vendor.seen.length = 0;
  expect((await throughBaseUrl(stack.proxyPort, '/one/x')).status).not.toBe(200);
  expect(vendor.seen).toEqual([]);
});
