import { AppError } from '@leasehold/core';
import type { Change, NewRevocation } from '../../ports/store.ts';
import { integer } from './rows.ts';
import type { SqliteDatabase, SqlValue } from './sqlite-database.ts';

const orNull = (value: string | number | undefined): SqlValue => value ?? null;

/** Applies one change inside the open transaction. `at` is the commit's clock. */
export function applyChange(database: SqliteDatabase, change: Change, at: number): void {
  if ('drop' in change) {
    const { credentialId, below = Number.MAX_SAFE_INTEGER } = change;
    database.run('DELETE FROM credential_values WHERE credential_id = ? AND version < ?', credentialId, below);
    return;
  }
  switch (change.put) {
    case 'lease': {
      const { row } = change;
      database.run(
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
      return;
    }
    case 'tenant': {
      const { row } = change;
      database.run(
        `INSERT INTO tenants (id, name, status, cut_seq, rev, created_at, log_seq, audit_seq, audit_hash, audit_mac) VALUES (?, ?, ?, 0, ?, ?, 0, 0, zeroblob(32), zeroblob(0))
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, status = excluded.status, rev = excluded.rev`,
        row.id,
        row.name,
        row.status,
        nextRevision(database),
        row.createdAt,
      );
      return;
    }
    case 'operator': {
      const { row } = change;
      database.run(
        'INSERT INTO operators (id, name, tenant_id, token_hash, created_at) VALUES (?, ?, ?, ?, ?)',
        row.id,
        row.name,
        orNull(row.tenantId),
        row.tokenHash,
        row.createdAt,
      );
      return;
    }
    case 'agent': {
      const { row } = change;
      database.run(
        `INSERT INTO agents (id, tenant_id, name, status, token_hash, token_version, cut_seq, rev, created_at) VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, status = excluded.status, token_hash = excluded.token_hash, token_version = excluded.token_version, rev = excluded.rev`,
        row.id,
        row.tenantId,
        row.name,
        row.status,
        row.tokenHash,
        row.tokenVersion,
        nextRevision(database),
        row.createdAt,
      );
      return;
    }
    case 'credential': {
      const { row } = change;
      database.run(
        `INSERT INTO credentials (id, tenant_id, name, type, status, version, destinations, injection, placeholder, max_ttl_ms, cut_seq, rev, created_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, type = excluded.type, status = excluded.status, version = excluded.version, destinations = excluded.destinations,
           injection = excluded.injection, placeholder = excluded.placeholder, max_ttl_ms = excluded.max_ttl_ms, rev = excluded.rev, updated_at = excluded.updated_at`,
        row.id,
        row.tenantId,
        row.name,
        row.type,
        row.status,
        row.version,
        JSON.stringify(row.destinations),
        JSON.stringify(row.injection),
        orNull(row.placeholder),
        row.maxTtlMs,
        nextRevision(database),
        row.createdAt,
        row.updatedAt,
      );
      return;
    }
    case 'value': {
      const { row } = change;
      database.run(
        'INSERT INTO credential_values (credential_id, version, tenant_id, dek_id, nonce, ciphertext) VALUES (?, ?, ?, ?, ?, ?)',
        row.credentialId,
        row.version,
        row.tenantId,
        row.dekId,
        row.nonce,
        row.ciphertext,
      );
      database.run('UPDATE deks SET encryptions = encryptions + 1 WHERE id = ?', row.dekId);
      return;
    }
    case 'grant': {
      const { row } = change;
      database.run(
        `INSERT INTO grants (id, tenant_id, agent_id, credential_id, status, ttl_ms, not_after, limits, cut_seq, rev, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)
         ON CONFLICT (id) DO UPDATE SET status = excluded.status, ttl_ms = excluded.ttl_ms, not_after = excluded.not_after, limits = excluded.limits, rev = excluded.rev`,
        row.id,
        row.tenantId,
        row.agentId,
        row.credentialId,
        row.status,
        row.ttlMs,
        orNull(row.notAfter),
        JSON.stringify(row.limits),
        nextRevision(database),
        row.createdAt,
      );
      return;
    }
    case 'use-batch':
      database.run(
        'INSERT INTO use_batches (instance_id, batch_seq, at) VALUES (?, ?, ?) ON CONFLICT (instance_id) DO UPDATE SET batch_seq = excluded.batch_seq, at = excluded.at',
        change.instanceId,
        change.batchSeq,
        at,
      );
  }
}

const cutTables = { tenant: 'tenants', agent: 'agents', credential: 'credentials', grant: 'grants' } as const;

/** Takes the next seq of the tenant's log by updating its counter, so that commit order is seq order, and moves the cut mark of what is named. */
export function appendRevocation(database: SqliteDatabase, tenantId: string, { scope, ids, reason }: NewRevocation, at: number): void {
  const counter = database.get('UPDATE tenants SET log_seq = log_seq + 1 WHERE id = ? RETURNING log_seq', tenantId);
  if (counter === undefined) throw new AppError('store_unavailable', 'A revocation names a tenant that is not there.');
  const seq = integer(counter, 'log_seq');
  database.run(
    'INSERT INTO revocations (tenant_id, seq, scope, ids, reason, at) VALUES (?, ?, ?, ?, ?, ?)',
    tenantId,
    seq,
    scope,
    JSON.stringify(ids),
    reason,
    at,
  );
  for (const id of ids) {
    if (scope === 'lease') {
      database.run(
        "UPDATE leases SET ended_how = 'revoked', ended_at = ? WHERE id = ? AND tenant_id = ? AND ended_how IS NULL",
        at,
        id,
        tenantId,
      );
    } else {
      const within = scope === 'tenant' ? 'id' : 'tenant_id';
      database.run(
        `UPDATE ${cutTables[scope]} SET cut_seq = ?, rev = ? WHERE id = ? AND ${within} = ?`,
        seq,
        nextRevision(database),
        id,
        tenantId,
      );
    }
  }
}

function nextRevision(database: SqliteDatabase): number {
  const row = database.get('UPDATE store_state SET revision = revision + 1 WHERE id = 1 RETURNING revision');
  return row === undefined ? 0 : integer(row, 'revision');
}
