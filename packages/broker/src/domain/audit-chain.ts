import type { NewAuditEvent } from './audit-event.ts';

/** SHA-256 is the platform's: handed in, since the domain has no I/O and no node: imports. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

export interface ChainedRow {
  readonly tenantId: string;
  readonly seq: number;
  readonly at: number;
  readonly event: NewAuditEvent;
}

/** What the first row of a tenant is chained to. */
export const genesisHash: Uint8Array = new Uint8Array(32);

const encoder = new TextEncoder();

/** SHA-256 over the previous row's hash and the canonical JSON of this row. */
export function chainHash(sha256: Sha256, previous: Uint8Array, row: ChainedRow): Uint8Array {
  const body = encoder.encode(canonicalRow(row));
  const bytes = new Uint8Array(previous.length + body.length);
  bytes.set(previous);
  bytes.set(body, previous.length);
  return sha256(bytes);
}

/** One spelling per row: fixed order of fields, keys of `detail` sorted, nothing undefined. */
export function canonicalRow({ tenantId, seq, at, event }: ChainedRow): string {
  return JSON.stringify([tenantId, seq, at, canonicalEvent(event)]);
}

function canonicalEvent(event: NewAuditEvent): readonly unknown[] {
  const { actor, action, outcome, reason, agentId, credentialId, grantId, leaseId, detail = {} } = event;
  const details = Object.entries(detail).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const optional = (text: string | undefined) => text ?? null;
  return [
    actor.kind,
    actor.id,
    action,
    outcome,
    optional(reason),
    optional(agentId),
    optional(credentialId),
    optional(grantId),
    optional(leaseId),
    details,
  ];
}
