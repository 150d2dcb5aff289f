import type {
  AgentResource,
  AuditRowResource,
  AuditVerificationResource,
  ConfirmationResource,
  CredentialResource,
  DestinationResource,
  GrantResource,
  InjectionResource,
  LeaseResource,
  OperatorResource,
  RevocationResource,
  RouteResource,
  StatusResource,
  TenantResource,
} from '@leasehold/contract/admin';
import type { Destination, Injection, Route } from '@leasehold/core';
import type { Agent } from '../../domain/agent.ts';
import type { AuditRow } from '../../domain/audit-event.ts';
import type { Credential } from '../../domain/credential.ts';
import type { LeaseStatus } from '../../domain/lease.ts';
import type { Operator } from '../../domain/operator.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { GrantListing, LeaseListing } from '../../ports/store.ts';
import type { AuditVerification, BrokerStatus, ConfirmationProgress, RevocationReceipt } from '../../ports/use-cases.ts';

/** From what the broker keeps to what it shows. Fields are named one by one: nothing gets out by being added to a row. */

const time = (ms: number): string => new Date(ms).toISOString();

export function toTenantResource({ id, name, status, agentsDiscoverNames, createdAt }: Tenant): TenantResource {
  return { id, name, status, agents_discover_names: agentsDiscoverNames, created_at: time(createdAt) };
}

export function toOperatorResource({ id, name, tenantId, createdAt }: Operator): OperatorResource {
  return { id, name, tenant_id: tenantId ?? null, created_at: time(createdAt) };
}

export function toAgentResource({ id, name, status, tokenVersion, createdAt }: Agent): AgentResource {
  return { id, name, status, token_version: tokenVersion, created_at: time(createdAt) };
}

/** INV-11: everything but a value, and there is none in what it is made of: values lie sealed in rows of their own. */
export function toCredentialResource(credential: Credential): CredentialResource {
  const { id, name, type, status, version, destinations, placeholder, environment, service, maxTtlMs, createdAt, updatedAt } = credential;
  return {
    id,
    name,
    type,
    status,
    version,
    destinations: destinations.map(toDestinationResource),
    injection: toInjectionResource(credential.injection),
    placeholder: placeholder ?? null,
    environment: environment.map((each) => ({ name: each.name, value: each.value })),
    service: service ?? null,
    max_ttl_ms: maxTtlMs,
    created_at: time(createdAt),
    updated_at: time(updatedAt),
  };
}

function toInjectionResource(injection: Injection): InjectionResource {
  return injection.kind === 'placeholder' ? { kind: 'placeholder', in: [...injection.in] } : injection;
}

function toDestinationResource({
  scheme,
  hostPattern,
  port,
  methods,
  pathPrefixes,
  caPem,
  privateCidrs,
  body,
}: Destination): DestinationResource {
  return {
    scheme,
    host: hostPattern,
    port,
    methods: [...methods],
    path_prefixes: [...pathPrefixes],
    ca_pem: caPem ?? null,
    private_cidrs: [...privateCidrs],
    body: body ?? null,
  };
}

export function toGrantResource({ grant, agent, credential }: GrantListing): GrantResource {
  const { id, status, ttlMs, notAfter, limits, createdAt } = grant;
  return {
    id,
    agent: agent.name,
    agent_id: agent.id,
    credential: credential.name,
    credential_id: credential.id,
    status,
    ttl_ms: ttlMs,
    not_after: notAfter === undefined ? null : time(notAfter),
    methods: [...limits.methods],
    path_prefixes: [...limits.pathPrefixes],
    rate_per_minute: limits.ratePerMinute ?? null,
    created_at: time(createdAt),
  };
}

export function toRouteResource(route: Route): RouteResource {
  const { credentialName, credentialId, grantId, version, status, destinations, injection, placeholder, limits } = route;
  return {
    credential: credentialName,
    credential_id: credentialId,
    grant_id: grantId,
    version,
    status,
    destinations: destinations.map(toDestinationResource),
    injection: toInjectionResource(injection),
    placeholder: placeholder ?? null,
    methods: [...limits.methods],
    path_prefixes: [...limits.pathPrefixes],
    rate_per_minute: limits.ratePerMinute ?? null,
  };
}

export function toLeaseResource({ lease, agent, credential }: LeaseListing, status: LeaseStatus): LeaseResource {
  const { id, grantId, version, issuedAt, expiresAt, renewals } = lease;
  return {
    id,
    agent: agent.name,
    credential: credential.name,
    grant_id: grantId,
    version,
    status,
    issued_at: time(issuedAt),
    expires_at: time(expiresAt),
    renewals,
  };
}

export function toAuditResource({ seq, at, event, hash }: AuditRow): AuditRowResource {
  const { actor, action, outcome, reason, agentId, credentialId, grantId, leaseId, detail } = event;
  return {
    seq,
    at: time(at),
    actor: { kind: actor.kind, id: actor.id },
    action,
    outcome,
    reason: reason ?? null,
    agent_id: agentId ?? null,
    credential_id: credentialId ?? null,
    grant_id: grantId ?? null,
    lease_id: leaseId ?? null,
    detail: { ...detail },
    hash: Buffer.from(hash).toString('hex'),
  };
}

export function toAuditVerificationResource(step: AuditVerification): AuditVerificationResource {
  return !step.done || step.intact ? step : { done: true, intact: false, bad_seq: step.badSeq, why: step.why };
}

export function toRevocationResource(receipt: RevocationReceipt | undefined): RevocationResource | null {
  return receipt === undefined ? null : { ...receipt.head, committed_at: time(receipt.committedAt) };
}

export function toStatusResource({ version, tenants, liveLeases, sidecars }: BrokerStatus): StatusResource {
  return {
    version,
    tenants,
    live_leases: liveLeases,
    sidecars: sidecars.map(({ tenantId, agentId, instance, appliedSeq, connectedForMs }) => ({
      tenant_id: tenantId,
      agent_id: agentId,
      instance,
      applied_seq: appliedSeq,
      connected_for_ms: Math.round(connectedForMs),
    })),
  };
}

export function toConfirmationResource(
  { total, confirmedCount, confirmed, outstanding, elapsedMs, done }: ConfirmationProgress,
  committedAt: number,
): ConfirmationResource {
  return {
    done,
    total,
    confirmed_count: confirmedCount,
    confirmed: confirmed.map(({ instance, afterMs }) => ({ instance, after_ms: Math.round(afterMs) })),
    outstanding: [...outstanding],
    elapsed_ms: Math.round(elapsedMs),
    committed_at: time(committedAt),
  };
}
