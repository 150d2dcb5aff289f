export const auditActions = [
  'tenant.created',
  'tenant.updated',
  'tenant.suspended',
  'tenant.resumed',
  'tenant.deleted',
  'tenant.killed',
  'operator.created',
  'operator.deleted',
  'agent.created',
  'agent.suspended',
  'agent.resumed',
  'agent.deleted',
  'agent.killed',
  'agent.token_rotated',
  'credential.created',
  'credential.updated',
  'credential.rotated',
  'credential.suspended',
  'credential.resumed',
  'credential.deleted',
  'grant.created',
  'grant.updated',
  'grant.revoked',
  'lease.issued',
  'lease.renewed',
  'lease.released',
  'lease.revoked',
  'lease.denied',
  'lease.used',
  'request.refused',
  'tunnel.passed_blind',
  /** Never written: shown in the place of a row that somebody else made unreadable. */
  'row.unreadable',
] as const;
export type AuditAction = (typeof auditActions)[number];

export interface AuditActor {
  readonly kind: 'agent' | 'operator' | 'system';
  readonly id: string;
}

/** What a decision adds to the trail. Holds ids and safe facts alone, never a value. */
export interface NewAuditEvent {
  readonly actor: AuditActor;
  readonly action: AuditAction;
  readonly outcome: 'allowed' | 'denied';
  /** Error code of a denial, reason of a revocation. */
  readonly reason?: string;
  readonly agentId?: string;
  readonly credentialId?: string;
  readonly grantId?: string;
  readonly leaseId?: string;
  /** Small facts for people: names, TTL in ms, version, method, authority, path, count. */
  readonly detail?: Readonly<Record<string, string | number>>;
}

/** One row of a tenant's hash chain. */
export interface AuditRow {
  readonly tenantId: string;
  /** Gap-free per tenant, from 1. */
  readonly seq: number;
  /** Wall-clock milliseconds of the database. */
  readonly at: number;
  readonly event: NewAuditEvent;
  /** SHA-256 over the previous row's hash and this row's canonical JSON; the first row's previous hash is 32 zero bytes. */
  readonly hash: Uint8Array;
}
