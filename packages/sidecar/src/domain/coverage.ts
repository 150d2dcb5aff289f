import type { Revocation } from '@leasehold/core';

/** What of a lease decides whether a revocation covers it. */
export interface Coverable {
  readonly leaseId: string;
  readonly grantId: string;
  readonly credentialId: string;
  readonly issuedAtSeq: number;
}

/**
 * Whether a revocation covers a lease: it is named by the scope, and its liveness was read before the revocation.
 * The agent is the sidecar's own; the tenant's log holds events of its other agents, too. Made once an event, asked once a lease.
 */
export function coverage(event: Revocation, agentId: string): (lease: Coverable) => boolean {
  const ids = new Set(event.ids);
  const { scope, seq } = event;
  if (scope === 'tenant') return (lease) => lease.issuedAtSeq < seq;
  if (scope === 'agent') {
    const isOurs = ids.has(agentId);
    return (lease) => isOurs && lease.issuedAtSeq < seq;
  }
  if (scope === 'credential') return (lease) => ids.has(lease.credentialId) && lease.issuedAtSeq < seq;
  if (scope === 'grant') return (lease) => ids.has(lease.grantId) && lease.issuedAtSeq < seq;
  return (lease) => ids.has(lease.leaseId) && lease.issuedAtSeq < seq;
}
