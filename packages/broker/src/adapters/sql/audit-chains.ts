import { createHash, timingSafeEqual } from 'node:crypto';
import { AppError } from '@leasehold/core';
import { chainHash } from '../../domain/audit-chain.ts';
import type { AuditAction, NewAuditEvent } from '../../domain/audit-event.ts';
import { type Query, statement } from './query.ts';
import { bytesOrNone, integer, optionalInteger, strayWindow } from './rows.ts';

export type AuditMac = (tenantId: string, seq: number, hash: Uint8Array) => Uint8Array;

interface ChainEnd {
  readonly seq: number;
  readonly hash: Uint8Array;
  /** Its signature was ours when it was read. */
  readonly isSigned: boolean;
}

/** What must not be done without a record that can be relied on: no record, no lease. What takes away is done, and recorded behind whatever is there. */
const lending: ReadonlySet<AuditAction> = new Set<AuditAction>(['lease.issued', 'lease.renewed']);

const sha256 = (input: Uint8Array): Uint8Array => createHash('sha256').update(input).digest();

/** The ends of the hash chains that one transaction moves. Their signed heads are written once, since only the last one counts. */
export interface AuditChains {
  /** `isFirst`: of a tenant that this transaction makes. */
  append(tenantId: string, event: NewAuditEvent, at: number, isFirst: boolean): Query<void>;
  /** Before a savepoint, and to go back to it. */
  mark(): number;
  rewind(mark: number): void;
  /** Last thing before COMMIT. */
  sign(): Query<void>;
}

/**
 * INV-13: one for each transaction. A trail whose end was changed from outside is never signed again, so that `audit verify` goes on to say so: it
 * grows, and lends nothing.
 */
export function createAuditChains(mac: AuditMac): AuditChains {
  const ends = new Map<string, ChainEnd>();
  /** Where each append found its chain, so that one of them can be taken back. */
  const before: { readonly tenantId: string; readonly end: ChainEnd }[] = [];

  function* readEnd(tenantId: string, isFirst: boolean): Query<ChainEnd> {
    const [row] = yield statement(
      `SELECT audit_seq, audit_hash, audit_mac,
         (SELECT count(*) FROM audit WHERE tenant_id = tenants.id AND seq = audit_seq) AS at_end,
         EXISTS (SELECT 1 FROM audit WHERE tenant_id = tenants.id AND seq > audit_seq) AS behind
       FROM tenants WHERE id = ?`,
      tenantId,
    );
    if (row === undefined) throw new AppError('internal', 'An audit row names a tenant that is not there.');
    const [seq, hash, found] = [integer(row, 'audit_seq'), bytesOrNone(row, 'audit_hash'), bytesOrNone(row, 'audit_mac')];
    if (integer(row, 'behind') > 0 || (integer(row, 'at_end') === 0 && seq > 0)) return { seq, hash, isSigned: false };
    // Only a trail that begins has no signature yet: one that was taken out must not pass for it.
    const isNew = isFirst && seq === 0 && found.length === 0;
    return { seq, hash, isSigned: isNew || equalBytes(found, mac(tenantId, seq, hash)) };
  }

  /** What was changed from outside may have rows behind its end: they must not keep the next from being written. */
  function* lastStray(tenantId: string, seq: number): Query<number> {
    const [row] = yield statement(
      'SELECT CAST(max(seq) AS BIGINT) AS last FROM audit WHERE tenant_id = ? AND seq > ? AND seq < ?',
      tenantId,
      seq,
      seq + strayWindow,
    );
    return optionalInteger(row ?? {}, 'last') ?? seq;
  }

  return {
    *append(tenantId, event, at, isFirst) {
      const end = ends.get(tenantId) ?? (yield* readEnd(tenantId, isFirst));
      if (!end.isSigned && lending.has(event.action)) throw untrustworthy();
      const seq = (end.isSigned ? end.seq : yield* lastStray(tenantId, end.seq)) + 1;
      const hash = chainHash(sha256, end.hash, { tenantId, seq, at, event });
      yield statement(
        'INSERT INTO audit (tenant_id, seq, at, event, hash) VALUES (?, ?, ?, ?, ?)',
        tenantId,
        seq,
        at,
        JSON.stringify(event),
        hash,
      );
      before.push({ tenantId, end });
      ends.set(tenantId, { seq, hash, isSigned: end.isSigned });
    },
    mark: () => before.length,
    rewind(mark) {
      for (const { tenantId, end } of before.splice(mark).toReversed()) ends.set(tenantId, end);
    },
    *sign() {
      for (const [tenantId, { seq, hash, isSigned }] of ends) {
        const signature = isSigned ? mac(tenantId, seq, hash) : noSignature;
        // A tenant that a savepoint took back again has no row to sign.
        yield statement('UPDATE tenants SET audit_seq = ?, audit_hash = ?, audit_mac = ? WHERE id = ?', seq, hash, signature, tenantId);
      }
    },
  };
}

/** Of a length that no signature has, and not that of a new trail. */
const noSignature = new Uint8Array(1);

function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

function untrustworthy(): AppError {
  return new AppError(
    'store_unavailable',
    'The audit trail of this tenant was changed from outside the broker, so nothing is lent on it. An operator finds the row with: leasehold audit verify',
  );
}
