import type { ErrorCode } from '@leasehold/core';
import type { Agent } from './agent.ts';
import type { Credential } from './credential.ts';
import type { Grant } from './grant.ts';
import type { Lease, LeaseStatus } from './lease.ts';
import type { Tenant } from './tenant.ts';

export interface Parents {
  readonly tenant: Tenant;
  readonly agent: Agent;
  readonly credential: Credential;
  readonly grant: Grant;
}

/**
 * INV-3: whether a lease is live is derived from its parents, so one write on a parent kills all below it. `ended` can only end a lease earlier.
 * A parent that was cut after the lease was issued kills it for good: resuming the parent brings nothing back.
 */
export function leaseStatus(lease: Lease, parents: Parents, now: number): LeaseStatus {
  if (lease.ended !== undefined) return lease.ended.how;
  if (isCut(lease, parents) || parentRefusal(parents, now) !== undefined || lease.version !== parents.credential.version) return 'revoked';
  return now >= lease.expiresAt ? 'expired' : 'active';
}

function isCut({ issuedAtSeq }: Lease, { tenant, agent, credential, grant }: Parents): boolean {
  return Math.max(tenant.cutSeq, agent.cutSeq, credential.cutSeq, grant.cutSeq) > issuedAtSeq;
}

/** Why nothing may be lent below these parents now; undefined when it may. Says no more than the agent may know. */
export function parentRefusal({ tenant, agent, credential, grant }: Parents, now: number): ErrorCode | undefined {
  if (agent.status === 'deleted') return 'identity_invalid';
  if (tenant.status !== 'active') return 'tenant_suspended';
  if (agent.status !== 'active') return 'agent_suspended';
  if (grant.status !== 'active' || credential.status === 'deleted') return 'no_grant';
  if (grant.notAfter !== undefined && now >= grant.notAfter) return 'grant_expired';
  return credential.status === 'suspended' ? 'credential_suspended' : undefined;
}
