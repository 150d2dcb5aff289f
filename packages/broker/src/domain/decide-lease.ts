import type { ErrorCode, RequestLimits } from '@leasehold/core';
import type { NewAuditEvent } from './audit-event.ts';
import type { Facts } from './facts.ts';
import type { Lease } from './lease.ts';
import { leaseStatus, type Parents, parentRefusal } from './lease-liveness.ts';

/** `audit` is missing where there is no tenant whose trail could hold it. */
export type Denial = { readonly kind: 'deny'; readonly reason: ErrorCode; readonly audit: NewAuditEvent | undefined };
export type RenewDecision =
  | { readonly kind: 'issue'; readonly lease: Lease; readonly ttlMs: number; readonly audit: NewAuditEvent }
  | Denial;
export type IssueDecision = (Exclude<RenewDecision, Denial> & { readonly limits: RequestLimits }) | Denial;

export interface LeaseAsk {
  readonly agentId: string;
  readonly tokenVersion: number;
  /** 0 leaves it to the grant. */
  readonly ttlMs: number;
}

/** Shorter than this, and a lease would be over before the answer is there. */
const leastTtlMs = 1;

/** Issue or deny; a denial is a decision too, and leaves its row in the trail (INV-1, INV-13). */
export function decideIssue(
  facts: Facts,
  ask: LeaseAsk & { readonly credentialId: string; readonly leaseId: string },
  now: number,
): IssueDecision {
  const { head, credential } = facts;
  const actor = { kind: 'agent', id: ask.agentId } as const;
  const known = credential === undefined ? { detail: { asked_for: ask.credentialId.slice(0, 64) } } : { credentialId: credential.id };
  const deny = (reason: ErrorCode): Denial => ({
    kind: 'deny',
    reason,
    audit: facts.tenant && { actor, action: 'lease.denied', outcome: 'denied', reason, agentId: ask.agentId, ...known },
  });
  const parents = parentsOf(facts, ask);
  if (typeof parents === 'string') return deny(parents);
  const refusal = parentRefusal(parents, now);
  if (refusal !== undefined || head === undefined) return deny(refusal ?? 'no_grant');

  const ttlMs = allowedTtlMs(parents, ask.ttlMs, now);
  const lease: Lease = {
    id: ask.leaseId,
    tenantId: parents.tenant.id,
    agentId: parents.agent.id,
    credentialId: parents.credential.id,
    grantId: parents.grant.id,
    version: parents.credential.version,
    issuedAtSeq: head.seq,
    issuedAt: now,
    expiresAt: now + ttlMs,
    renewals: 0,
    ended: undefined,
  };
  return { kind: 'issue', lease, ttlMs, limits: parents.grant.limits, audit: audited('lease.issued', lease, ttlMs) };
}

/** A renewal moves the end of a live lease. It can't bring one back, and it can't change what was read when the lease was issued. */
export function decideRenew(facts: Facts, ask: LeaseAsk & { readonly leaseId: string }, now: number): RenewDecision {
  const actor = { kind: 'agent', id: ask.agentId } as const;
  const deny = (reason: ErrorCode): Denial => ({
    kind: 'deny',
    reason,
    audit: facts.tenant && {
      actor,
      action: 'lease.denied',
      outcome: 'denied',
      reason,
      agentId: ask.agentId,
      detail: { renewal_of: ask.leaseId.slice(0, 64) },
    },
  });
  const { lease } = facts;
  if (lease === undefined || lease.agentId !== ask.agentId) return deny('lease_ended');
  const parents = parentsOf(facts, ask);
  if (typeof parents === 'string') return deny(parents === 'identity_invalid' ? parents : 'lease_ended');
  if (leaseStatus(lease, parents, now) !== 'active') return deny('lease_ended');

  const ttlMs = allowedTtlMs(parents, ask.ttlMs, now);
  const renewed: Lease = { ...lease, expiresAt: now + ttlMs, renewals: lease.renewals + 1 };
  return { kind: 'issue', lease: renewed, ttlMs, audit: audited('lease.renewed', renewed, ttlMs) };
}

/** The whole lineage, or why it is not there. Foreign, missing and deleted look the same (INV-14). */
function parentsOf({ tenant, agent, credential, grant }: Facts, ask: LeaseAsk): Parents | ErrorCode {
  if (tenant === undefined || agent === undefined || agent.id !== ask.agentId || agent.tokenVersion !== ask.tokenVersion)
    return 'identity_invalid';
  if (credential === undefined || grant === undefined) return agent.status === 'deleted' ? 'identity_invalid' : 'no_grant';
  return { tenant, agent, credential, grant };
}

function allowedTtlMs({ credential, grant }: Parents, askedMs: number, now: number): number {
  const limits = [grant.ttlMs, credential.maxTtlMs, (grant.notAfter ?? Number.POSITIVE_INFINITY) - now];
  if (askedMs > 0) limits.push(askedMs);
  return Math.max(leastTtlMs, Math.min(...limits));
}

function audited(action: 'lease.issued' | 'lease.renewed', lease: Lease, ttlMs: number): NewAuditEvent {
  const { agentId, credentialId, grantId, id, version } = lease;
  return {
    actor: { kind: 'agent', id: agentId },
    action,
    outcome: 'allowed',
    agentId,
    credentialId,
    grantId,
    leaseId: id,
    detail: { ttl_ms: ttlMs, version },
  };
}
