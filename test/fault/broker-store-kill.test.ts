import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogHead } from '@leasehold/core';
import { afterAll, expect, test } from 'vitest';
import { createSqliteStore } from '../../packages/broker/src/adapters/sql/sqlite-store.ts';
import { verifyAudit } from '../../packages/broker/src/app/verify-audit.ts';
import type { AuditRow } from '../../packages/broker/src/domain/audit-event.ts';
import type { LoggedRevocation, Store } from '../../packages/broker/src/ports/store.ts';
import { seededRandom } from '../harness/seeded-random.ts';
import { auditMac, tenantIds } from './store-facts.ts';

const root = mkdtempSync(join(tmpdir(), 'leasehold-kill-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const rounds = 6;
const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

test('kill -9 at random points loses no acknowledged lease, grant, revocation or audit row, and leaves nothing half done', async () => {
  const path = join(root, 'state', 'leasehold.db');
  const random = seededRandom(20_261_124);
  const acknowledged: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    // From within the very first commits to some thousands later.
    const lines = await writeUntilKilled(path, round, 1 + Math.floor(random() ** 3 * 8_000));
    acknowledged.push(...lines);
    const store = createSqliteStore({ path, epoch: 'after', now: Date.now, auditMac });
    try {
      await holdsAll(store, acknowledged);
      for (const tenantId of tenantIds) await isWhole(store, tenantId);
    } finally {
      await store.close();
    }
  }
  const kinds = new Set(acknowledged.map((line) => line.split(' ')[0]));
  expect(kinds).toEqual(new Set(['grant', 'lease', 'revocation']));
});

/** Every complete line that the writer printed before it died. */
async function writeUntilKilled(path: string, round: number, after: number): Promise<readonly string[]> {
  const writer = spawn(process.execPath, [join(import.meta.dirname, 'store-writer.ts'), path, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  let count = 0;
  writer.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    count += chunk.split('\n').length - 1;
    if (count >= after) writer.kill('SIGKILL');
  });
  const [, signal] = await once(writer, 'close');
  expect(signal).toBe('SIGKILL');
  return text.split('\n').slice(0, -1);
}

async function holdsAll(store: Store, acknowledged: readonly string[]): Promise<void> {
  for (const line of acknowledged) {
    const [kind, tenantId = '', id = '', seq] = line.split(' ');
    const tenant = { id: tenantId };
    if (kind === 'lease') expect((await store.directory.find({ tenant, lease: { id } })).lease?.id, line).toBe(id);
    else if (kind === 'grant') expect((await store.directory.find({ tenant, grant: { id } })).grant?.id, line).toBe(id);
    else {
      const [row] = await store.log.after(tenantId, { ...(await headOf(store, tenantId)), seq: Number(seq) - 1 }, 1);
      expect([row?.seq, row?.ids], line).toEqual([Number(seq), [id]]);
      const { lease, grant } = await store.directory.find({ tenant, ...(id.startsWith('lease') ? { lease: { id } } : { grant: { id } }) });
      if (id.startsWith('lease')) expect(lease?.ended?.how, line).toBe('revoked');
      else expect(grant?.cutSeq, line).toBe(Number(seq));
    }
  }
}

async function headOf(store: Store, tenantId: string): Promise<LogHead> {
  const { head } = await store.directory.find({ tenant: { id: tenantId } });
  return head ?? { epoch: '', seq: 0 };
}

async function isWhole(store: Store, tenantId: string): Promise<void> {
  const trail = await allAfter<AuditRow>((after) => store.audit.rows(tenantId, after, 1_000));
  const steps = await Array.fromAsync(verifyAudit({ audit: store.audit, sha256, auditMac }, tenantId));
  expect(steps.at(-1)).toEqual({ done: true, intact: true, rows: trail.length });

  const { epoch, seq: last } = await headOf(store, tenantId);
  const log = await allAfter<LoggedRevocation>((seq) => store.log.after(tenantId, { epoch, seq }, 1_000));
  expect(log.map(({ seq }) => seq)).toEqual(log.map((_, index) => index + 1));
  expect(last).toBe(log.length);

  // All or nothing: what the trail says happened is there, and nothing else is.
  expect(trail.filter(({ event }) => event.action === 'lease.revoked')).toHaveLength(log.length);
  const issued = trail.flatMap(({ event: { leaseId } }) => leaseId ?? []);
  const kept: string[] = [];
  let after: string | undefined;
  do {
    const listed = await store.listings.leases(tenantId, { limit: 1_000, after }, false);
    kept.push(...listed.items.map(({ lease }) => lease.id));
    after = listed.next;
  } while (after !== undefined);
  expect(kept.toSorted()).toEqual(issued.toSorted());
}

async function allAfter<T extends { readonly seq: number }>(read: (after: number) => Promise<readonly T[]>): Promise<readonly T[]> {
  const rows: T[] = [];
  for (;;) {
    const page = await read(rows.at(-1)?.seq ?? 0);
    if (page.length === 0) return rows;
    rows.push(...page);
  }
}
