import type { Agent } from '../../domain/agent.ts';
import type { Credential, SealedValue } from '../../domain/credential.ts';
import type { Grant } from '../../domain/grant.ts';
import type { Lease } from '../../domain/lease.ts';
import type { Operator } from '../../domain/operator.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { Change } from '../../ports/store.ts';
import { orNull, type Query, type Statement, statement } from './query.ts';
import { integer } from './rows.ts';

/** Applies one change inside the open transaction. `at` is the commit's clock. */
export function* applyChange(change: Change, at: number): Query<void> {
  if ('drop' in change) {
    yield dropped(change);
    return;
  }
  switch (change.put) {
    case 'lease':
      yield putLease(change.row);
      return;
    case 'tenant':
      yield putTenant(change.row, yield* nextRevision());
      return;
    case 'operator':
      yield putOperator(change.row);
      return;
    case 'agent':
      yield putAgent(change.row, yield* nextRevision());
      return;
    case 'credential':
      yield putCredential(change.row, yield* nextRevision());
      return;
    case 'value':
      yield putValue(change.row);
      yield statement('UPDATE deks SET encryptions = encryptions + 1 WHERE id = ?', change.row.dekId);
      return;
    case 'grant':
      yield putGrant(change.row, yield* nextRevision());
      return;
    case 'use-batch':
      yield statement(
        `INSERT INTO use_batches (instance_id, batch_seq, at) VALUES (?, ?, ?)
         ON CONFLICT (instance_id) DO UPDATE SET batch_seq = excluded.batch_seq, at = excluded.at`,
        change.instanceId,
        change.batchSeq,
        at,
      );
  }
}

function dropped(change: Extract<Change, { drop: string }>): Statement {
  switch (change.drop) {
    case 'values': {
      const { credentialId, below = Number.MAX_SAFE_INTEGER } = change;
      return statement('DELETE FROM credential_values WHERE credential_id = ? AND version < ?', credentialId, below);
    }
    case 'operator':
      return statement('DELETE FROM operators WHERE id = ?', change.id);
    case 'root-operators':
      return statement('DELETE FROM operators WHERE tenant_id IS NULL AND id <> ?', change.besides);
  }
}

/** Moves with every change to a tenant, agent, credential or grant. */
export function* nextRevision(): Query<number> {
  const [row] = yield statement('UPDATE store_state SET revision = revision + 1 WHERE id = 1 RETURNING revision');
  return integer(row ?? {}, 'revision');
}

function putLease(row: Lease): Statement {
  return statement(
    `INSERT INTO leases (id, tenant_id, agent_id, credential_id, grant_id, version, issued_at_seq, issued_at, expires_at, renewals, ended_how, ended_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, renewals = excluded.renewals, ended_how = excluded.ended_how, ended_at = excluded.ended_at`,
    row.id,
    row.tenantId,
    row.agentId,
    row.credentialId,
    row.grantId,
    row.version,
    row.issuedAtSeq,
    row.issuedAt,
    row.expiresAt,
    row.renewals,
    orNull(row.ended?.how),
    orNull(row.ended?.at),
  );
}

function putTenant(row: Tenant, revision: number): Statement {
  return statement(
    `INSERT INTO tenants (id, name, status, discover_names, cut_seq, rev, created_at, log_seq, audit_seq, audit_hash, audit_mac)
     VALUES (?, ?, ?, ?, 0, ?, ?, 0, 0, ?, ?)
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, status = excluded.status, discover_names = excluded.discover_names, rev = excluded.rev`,
    row.id,
    row.name,
    row.status,
    row.agentsDiscoverNames ? 1 : 0,
    revision,
    row.createdAt,
    new Uint8Array(32),
    new Uint8Array(0),
  );
}

function putOperator(row: Operator): Statement {
  return statement(
    `INSERT INTO operators (id, name, tenant_id, token_hash, created_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, tenant_id = excluded.tenant_id, token_hash = excluded.token_hash`,
    row.id,
    row.name,
    orNull(row.tenantId),
    row.tokenHash,
    row.createdAt,
  );
}

function putAgent(row: Agent, revision: number): Statement {
  return statement(
    `INSERT INTO agents (id, tenant_id, name, status, token_hash, token_version, cut_seq, rev, created_at) VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, status = excluded.status, token_hash = excluded.token_hash, token_version = excluded.token_version,
       rev = excluded.rev`,
    row.id,
    row.tenantId,
    row.name,
    row.status,
    row.tokenHash,
    row.tokenVersion,
    revision,
    row.createdAt,
  );
}

function putCredential(row: Credential, revision: number): Statement {
  return statement(
    `INSERT INTO credentials (id, tenant_id, name, type, status, version, destinations, injection, placeholder, environment, service, max_ttl_ms,
       cut_seq, rev, created_at, updated_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, type = excluded.type, status = excluded.status, version = excluded.version,
       destinations = excluded.destinations, injection = excluded.injection, placeholder = excluded.placeholder,
       environment = excluded.environment, service = excluded.service, max_ttl_ms = excluded.max_ttl_ms,
       rev = excluded.rev, updated_at = excluded.updated_at`,
    row.id,
    row.tenantId,
    row.name,
    row.type,
    row.status,
    row.version,
    JSON.stringify(row.destinations),
    JSON.stringify(row.injection),
    orNull(row.placeholder),
    JSON.stringify(row.environment),
    orNull(row.service),
    row.maxTtlMs,
    revision,
    row.createdAt,
    row.updatedAt,
  );
}

function putValue(row: SealedValue): Statement {
  return statement(
    'INSERT INTO credential_values (credential_id, version, tenant_id, dek_id, nonce, ciphertext) VALUES (?, ?, ?, ?, ?, ?)',
    row.credentialId,
    row.version,
    row.tenantId,
    row.dekId,
    row.nonce,
    row.ciphertext,
  );
}

function putGrant(row: Grant, revision: number): Statement {
  return statement(
    `INSERT INTO grants (id, tenant_id, agent_id, credential_id, status, ttl_ms, not_after, limits, cut_seq, rev, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)
     ON CONFLICT (id) DO UPDATE SET status = excluded.status, ttl_ms = excluded.ttl_ms, not_after = excluded.not_after, limits = excluded.limits, rev = excluded.rev`,
    row.id,
    row.tenantId,
    row.agentId,
    row.credentialId,
    row.status,
    row.ttlMs,
    orNull(row.notAfter),
    JSON.stringify(row.limits),
    revision,
    row.createdAt,
  );
}
