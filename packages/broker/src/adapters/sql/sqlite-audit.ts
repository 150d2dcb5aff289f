import { createHash } from 'node:crypto';
import { chainHash } from '../../domain/audit-chain.ts';
import type { NewAuditEvent } from '../../domain/audit-event.ts';
import { bytes, integer } from './rows.ts';
import type { SqliteDatabase } from './sqlite-database.ts';

export type AuditMac = (tenantId: string, seq: number, hash: Uint8Array) => Uint8Array;

interface ChainEnd {
  readonly seq: number;
  readonly hash: Uint8Array;
}

const sha256 = (input: Uint8Array): Uint8Array => createHash('sha256').update(input).digest();

/** Appends to the hash chains of tenants. The signed heads are written once a transaction, since only its last one counts. */
export interface AuditChains {
  append(tenantId: string, event: NewAuditEvent, at: number): void;
  /** Before a savepoint, and to go back to it. */
  mark(): ReadonlyMap<string, ChainEnd>;
  rewind(to: ReadonlyMap<string, ChainEnd>): void;
  /** Last thing before COMMIT. */
  sign(): void;
  /** After COMMIT or ROLLBACK. */
  forget(): void;
}

export function createAuditChains(database: SqliteDatabase, mac: AuditMac): AuditChains {
  let ends = new Map<string, ChainEnd>();

  function endOf(tenantId: string): ChainEnd {
    const known = ends.get(tenantId);
    if (known !== undefined) return known;
    const row = database.get('SELECT audit_seq, audit_hash FROM tenants WHERE id = ?', tenantId);
    return row === undefined ? { seq: 0, hash: new Uint8Array(32) } : { seq: integer(row, 'audit_seq'), hash: bytes(row, 'audit_hash') };
  }

  return {
    append(tenantId, event, at) {
      const end = endOf(tenantId);
      const seq = end.seq + 1;
      const hash = chainHash(sha256, end.hash, { tenantId, seq, at, event });
      database.run(
        'INSERT INTO audit (tenant_id, seq, at, event, hash) VALUES (?, ?, ?, ?, ?)',
        tenantId,
        seq,
        at,
        JSON.stringify(event),
        hash,
      );
      ends.set(tenantId, { seq, hash });
    },
    mark: () => new Map(ends),
    rewind(to) {
      ends = new Map(to);
    },
    sign() {
      for (const [tenantId, { seq, hash }] of ends) {
        database.run(
          'UPDATE tenants SET audit_seq = ?, audit_hash = ?, audit_mac = ? WHERE id = ?',
          seq,
          hash,
          mac(tenantId, seq, hash),
          tenantId,
        );
      }
    },
    forget: () => ends.clear(),
  };
}
