/** What a revocation covers: everything issued below it before its sequence number. */
export type RevocationScope = 'lease' | 'grant' | 'credential' | 'agent' | 'tenant';

/** One row of a tenant's revocation log. */
export interface Revocation {
  /** Gap-free per tenant, in commit order, from 1. */
  readonly seq: number;
  readonly scope: RevocationScope;
  /** Ids of the scope's kind; for `tenant` the tenant's own. */
  readonly ids: readonly string[];
  readonly reason: RevocationReason;
}

export const revocationReasons = ['revoked', 'suspended', 'deleted', 'rotated', 'narrowed', 'token_rotated', 'killed'] as const;
export type RevocationReason = (typeof revocationReasons)[number];

/** Where a tenant's log stands. A new epoch means that nothing said under the old one holds. */
export interface LogHead {
  readonly epoch: string;
  readonly seq: number;
}
