import type { Destination, EnvironmentVariable, GrantLimits, Injection } from '@leasehold/core';
import type { Agent } from '../../domain/agent.ts';
import { type Credential, credentialTypes, type SealedValue } from '../../domain/credential.ts';
import type { WrappedDek } from '../../domain/dek.ts';
import type { Grant } from '../../domain/grant.ts';
import type { Lease } from '../../domain/lease.ts';
import type { Operator } from '../../domain/operator.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { LoggedRevocation } from '../../ports/store.ts';
import { bytes, integer, json, oneOf, optionalInteger, optionalText, type Row, text } from './rows.ts';

export function toTenant(row: Row): Tenant {
  return {
    id: text(row, 'id'),
    name: text(row, 'name'),
    status: oneOf(row, 'status', ['active', 'suspended']),
    agentsDiscoverNames: integer(row, 'discover_names') === 1,
    cutSeq: integer(row, 'cut_seq'),
    createdAt: integer(row, 'created_at'),
  };
}

export function toOperator(row: Row): Operator {
  return {
    id: text(row, 'id'),
    name: text(row, 'name'),
    tenantId: optionalText(row, 'tenant_id'),
    tokenHash: bytes(row, 'token_hash'),
    createdAt: integer(row, 'created_at'),
  };
}

export function toAgent(row: Row): Agent {
  return {
    id: text(row, 'id'),
    tenantId: text(row, 'tenant_id'),
    name: text(row, 'name'),
    status: oneOf(row, 'status', ['active', 'suspended', 'deleted']),
    tokenHash: bytes(row, 'token_hash'),
    tokenVersion: integer(row, 'token_version'),
    cutSeq: integer(row, 'cut_seq'),
    createdAt: integer(row, 'created_at'),
  };
}

export function toCredential(row: Row): Credential {
  return {
    id: text(row, 'id'),
    tenantId: text(row, 'tenant_id'),
    name: text(row, 'name'),
    type: oneOf(row, 'type', credentialTypes),
    status: oneOf(row, 'status', ['active', 'suspended', 'deleted']),
    version: integer(row, 'version'),
    destinations: json<Destination[]>(row, 'destinations').map((each) => ({
      ...each,
      caPem: each.caPem ?? undefined,
      body: each.body ?? undefined,
    })),
    injection: json<Injection>(row, 'injection'),
    placeholder: optionalText(row, 'placeholder'),
    environment: json<EnvironmentVariable[]>(row, 'environment'),
    service: optionalText(row, 'service'),
    maxTtlMs: integer(row, 'max_ttl_ms'),
    cutSeq: integer(row, 'cut_seq'),
    createdAt: integer(row, 'created_at'),
    updatedAt: integer(row, 'updated_at'),
  };
}

export function toSealedValue(row: Row): SealedValue {
  return {
    tenantId: text(row, 'tenant_id'),
    credentialId: text(row, 'credential_id'),
    version: integer(row, 'version'),
    dekId: text(row, 'dek_id'),
    nonce: bytes(row, 'nonce'),
    ciphertext: bytes(row, 'ciphertext'),
  };
}

export function toGrant(row: Row): Grant {
  const limits = json<Omit<GrantLimits, 'ratePerMinute'> & { ratePerMinute?: number }>(row, 'limits');
  return {
    id: text(row, 'id'),
    tenantId: text(row, 'tenant_id'),
    agentId: text(row, 'agent_id'),
    credentialId: text(row, 'credential_id'),
    status: oneOf(row, 'status', ['active', 'revoked']),
    ttlMs: integer(row, 'ttl_ms'),
    notAfter: optionalInteger(row, 'not_after'),
    limits: { methods: limits.methods, pathPrefixes: limits.pathPrefixes, ratePerMinute: limits.ratePerMinute },
    cutSeq: integer(row, 'cut_seq'),
    createdAt: integer(row, 'created_at'),
  };
}

export function toLease(row: Row): Lease {
  const endedAt = optionalInteger(row, 'ended_at');
  return {
    id: text(row, 'id'),
    tenantId: text(row, 'tenant_id'),
    agentId: text(row, 'agent_id'),
    credentialId: text(row, 'credential_id'),
    grantId: text(row, 'grant_id'),
    version: integer(row, 'version'),
    issuedAtSeq: integer(row, 'issued_at_seq'),
    issuedAt: integer(row, 'issued_at'),
    expiresAt: integer(row, 'expires_at'),
    renewals: integer(row, 'renewals'),
    ended: endedAt === undefined ? undefined : { how: oneOf(row, 'ended_how', ['expired', 'revoked', 'released']), at: endedAt },
  };
}

export function toRevocation(row: Row): LoggedRevocation {
  return {
    seq: integer(row, 'seq'),
    scope: oneOf(row, 'scope', ['lease', 'grant', 'credential', 'agent', 'tenant']),
    ids: json<string[]>(row, 'ids'),
    reason: oneOf(row, 'reason', ['revoked', 'suspended', 'deleted', 'rotated', 'narrowed', 'token_rotated', 'killed']),
    at: integer(row, 'at'),
  };
}

export function toDek(row: Row): WrappedDek {
  return {
    id: text(row, 'id'),
    tenantId: text(row, 'tenant_id'),
    generation: integer(row, 'generation'),
    kekId: text(row, 'kek_id'),
    wrapped: bytes(row, 'wrapped'),
    encryptions: integer(row, 'encryptions'),
    createdAt: integer(row, 'created_at'),
  };
}
