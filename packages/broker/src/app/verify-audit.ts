import { AppError } from '@leasehold/core';
import { chainHash, genesisHash, type Sha256 } from '../domain/audit-chain.ts';
import type { AuditTrail } from '../ports/store.ts';
import type { AuditVerification } from '../ports/use-cases.ts';

export interface VerifyAuditDeps {
  readonly audit: AuditTrail;
  readonly sha256: Sha256;
  readonly auditMac: (tenantId: string, seq: number, hash: Uint8Array) => Uint8Array;
  /** Lets the event loop turn; called after each page. A store in this process answers at once, and a trail may hold millions of rows. */
  readonly breathe?: () => Promise<void>;
}

/** A few milliseconds of work: pings and revocations wait for no more than this. */
const pageSize = 200;

/** Walks under way at once. Each takes its share of the event loop for as long as its trail is long. */
const maxWalks = 4;

/** `verifyAudit` for whoever may ask: one walk a tenant at a time, and a few in all, so that nobody keeps the broker walking (THREATS 34). */
export function createAuditVerifier(deps: VerifyAuditDeps): (tenantId: string) => AsyncIterable<AuditVerification> {
  const walking = new Set<string>();
  return async function* (tenantId) {
    if (walking.has(tenantId) || walking.size >= maxWalks)
      throw new AppError('overloaded', 'An audit trail is being verified already. Try again once that is done.', { retryAfterS: 5 });
    walking.add(tenantId);
    try {
      yield* verifyAudit(deps, tenantId);
    } finally {
      walking.delete(tenantId);
    }
  };
}

/** Walks a tenant's chain from its first row to its signed head, and names the first bad row (INV-13). */
export async function* verifyAudit(
  { audit, sha256, auditMac, breathe = nextTurn }: VerifyAuditDeps,
  tenantId: string,
): AsyncGenerator<AuditVerification, void> {
  const broken = (badSeq: number, why: string): AuditVerification => ({ done: true, intact: false, badSeq, why });
  // The head first: rows that are appended meanwhile lie behind it.
  const head = await audit.head(tenantId);
  let hash = genesisHash;
  let seq = 0;
  // The making of a tenant is its first record.
  if (head === undefined || head.seq === 0) return yield broken(1, 'the trail was cut off here');
  while (seq < head.seq) {
    const page = await audit.rows(tenantId, seq, Math.min(pageSize, head.seq - seq));
    for (const row of page) {
      if (row.seq !== seq + 1) return yield broken(seq + 1, 'the row is missing');
      if (seq === 0 && row.event.action !== 'tenant.created') return yield broken(1, 'what came before this row was taken out');
      hash = chainHash(sha256, hash, row);
      if (!equal(hash, row.hash)) return yield broken(row.seq, 'the row was changed, or one before it was');
      seq = row.seq;
    }
    if (page.length === 0) return yield broken(seq + 1, 'the trail was cut off here');
    yield { done: false, rows: seq, of: head.seq };
    await breathe();
  }
  const isSigned = equal(hash, head.hash) && equal(head.mac, auditMac(tenantId, head.seq, head.hash));
  if (!isSigned) return yield broken(seq, 'the signed head does not belong to this trail');
  const stray = await strayRow(audit, tenantId, seq);
  yield stray === undefined ? { done: true, intact: true, rows: seq } : broken(stray, 'the row lies behind the signed head');
}

/** A row that not even a head which is read after it covers: somebody else put it there. */
async function strayRow(audit: AuditTrail, tenantId: string, after: number): Promise<number | undefined> {
  const [row] = await audit.rows(tenantId, after, 1);
  const head = row && (await audit.head(tenantId));
  return row === undefined || (head !== undefined && row.seq <= head.seq) ? undefined : row.seq;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
