import { createHash } from 'node:crypto';
import { AppError } from '@leasehold/core';
import { chainHash } from '../../domain/audit-chain.ts';
import type { NewAuditEvent } from '../../domain/audit-event.ts';
import { type Query, statement } from './query.ts';
import { bytes, integer } from './rows.ts';

export type AuditMac = (tenantId: string, seq: number, hash: Uint8Array) => Uint8Array;

interface ChainEnd {
  readonly seq: number;
  readonly hash: Uint8Array;
}

const sha256 = (input: Uint8Array): Uint8Array => createHash('sha256').update(input).digest();

/** The ends of the hash chains that one transaction moves. Their signed heads are written once, since only the last one counts. */
export interface AuditChains {
  append(tenantId: string, event: NewAuditEvent, at: number): Query<void>;
  /** Before a savepoint, and to go back to it. */
  mark(): number;
  rewind(mark: number): void;
  /** Last thing before COMMIT. */
  sign(): Query<void>;
}

/** INV-13: one for each transaction. */
export function createAuditChains(mac: AuditMac): AuditChains {
  const ends = new Map<string, ChainEnd>();
  /** Where each append found its chain, so that one of them can be taken back. */
  const before: { readonly tenantId: string; readonly end: ChainEnd }[] = [];

  function* readEnd(tenantId: string): Query<ChainEnd> {
    const [row] = yield statement('SELECT audit_seq, audit_hash FROM tenants WHERE id = ?', tenantId);
    if (row === undefined) throw new AppError('internal', 'An audit row names a tenant that is not there.');
    return { seq: integer(row, 'audit_seq'), hash: bytes(row, 'audit_hash') };
  }

  return {
    *append(tenantId, event, at) {
      const end = ends.get(tenantId) ?? (yield* readEnd(tenantId));
      const seq = end.seq + 1;
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
      ends.set(tenantId, { seq, hash });
    },
    mark: () => before.length,
    rewind(mark) {
      for (const { tenantId, end } of before.splice(mark).toReversed()) ends.set(tenantId, end);
    },
    *sign() {
      for (const [tenantId, { seq, hash }] of ends) {
        // A tenant that a savepoint took back again has no row to sign.
        yield statement(
          'UPDATE tenants SET audit_seq = ?, audit_hash = ?, audit_mac = ? WHERE id = ?',
          seq,
          hash,
          mac(tenantId, seq, hash),
          tenantId,
        );
      }
    },
  };
}
