import type { ErrorCode } from '@leasehold/core';

/** Milliseconds from asking for a lease to renewing it: two thirds of its TTL, give or take a tenth of that, so that many leases don't fall due at once. */
export function renewAfterMs(ttlMs: number, random: number): number {
  return ttlMs * (2 / 3) * (0.9 + 0.2 * random);
}

/** Refusals that no later attempt can change: the lease is over now. Everything else is tried again until the lease runs out. */
const final: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'lease_ended',
  'lease_revoked',
  'no_grant',
  'grant_expired',
  'credential_suspended',
  'agent_suspended',
  'tenant_suspended',
  'not_found',
]);

export function endsLease(code: ErrorCode): boolean {
  return final.has(code);
}
