/**
 * Forward-only: each entry runs once, in its own transaction, in order; one that was released is never changed. SQL that SQLite and
 * PostgreSQL both read; `BLOB` is the one word that a PostgreSQL dialect has to say differently (`BYTEA`). Texts sort by their bytes
 * (`COLLATE "C"` there).
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE store_state (id INTEGER PRIMARY KEY CHECK (id = 1), revision BIGINT NOT NULL);
  INSERT INTO store_state (id, revision) VALUES (1, 0);

  CREATE TABLE tenants (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, status TEXT NOT NULL, discover_names BIGINT NOT NULL, cut_seq BIGINT NOT NULL, rev BIGINT NOT NULL, created_at BIGINT NOT NULL,
    log_seq BIGINT NOT NULL, audit_seq BIGINT NOT NULL, audit_hash BLOB NOT NULL, audit_mac BLOB NOT NULL
  );
  CREATE INDEX tenants_rev ON tenants (rev);
  CREATE TABLE operators (id TEXT PRIMARY KEY, name TEXT NOT NULL, tenant_id TEXT, token_hash BLOB NOT NULL UNIQUE, created_at BIGINT NOT NULL);
  CREATE TABLE agents (
    id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL, token_hash BLOB NOT NULL UNIQUE, token_version BIGINT NOT NULL,
    cut_seq BIGINT NOT NULL, rev BIGINT NOT NULL, created_at BIGINT NOT NULL
  );
  CREATE UNIQUE INDEX agents_name ON agents (tenant_id, name) WHERE status <> 'deleted';
  CREATE INDEX agents_tenant ON agents (tenant_id);
  CREATE INDEX agents_rev ON agents (rev);
  CREATE TABLE credentials (
    id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL, version BIGINT NOT NULL,
    destinations TEXT NOT NULL, injection TEXT NOT NULL, placeholder TEXT, environment TEXT NOT NULL, service TEXT, max_ttl_ms BIGINT NOT NULL,
    cut_seq BIGINT NOT NULL, rev BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL
  );
  CREATE UNIQUE INDEX credentials_name ON credentials (tenant_id, name) WHERE status <> 'deleted';
  CREATE INDEX credentials_rev ON credentials (rev);
  CREATE TABLE credential_values (
    credential_id TEXT NOT NULL, version BIGINT NOT NULL, tenant_id TEXT NOT NULL, dek_id TEXT NOT NULL, nonce BLOB NOT NULL, ciphertext BLOB NOT NULL,
    PRIMARY KEY (credential_id, version)
  );
  CREATE TABLE grants (
    id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, agent_id TEXT NOT NULL, credential_id TEXT NOT NULL, status TEXT NOT NULL, ttl_ms BIGINT NOT NULL,
    not_after BIGINT, limits TEXT NOT NULL, cut_seq BIGINT NOT NULL, rev BIGINT NOT NULL, created_at BIGINT NOT NULL
  );
  CREATE UNIQUE INDEX grants_pair ON grants (agent_id, credential_id) WHERE status = 'active';
  CREATE INDEX grants_tenant ON grants (tenant_id) WHERE status = 'active';
  CREATE INDEX grants_credential ON grants (credential_id);
  CREATE INDEX grants_rev ON grants (rev);
  CREATE TABLE leases (
    id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, agent_id TEXT NOT NULL, credential_id TEXT NOT NULL, grant_id TEXT NOT NULL, version BIGINT NOT NULL,
    issued_at_seq BIGINT NOT NULL, issued_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, renewals BIGINT NOT NULL, ended_how TEXT, ended_at BIGINT
  );
  CREATE INDEX leases_live ON leases (expires_at) WHERE ended_how IS NULL;
  CREATE INDEX leases_newest ON leases (tenant_id, issued_at, id);
  CREATE INDEX leases_newest_live ON leases (tenant_id, issued_at, id) WHERE ended_how IS NULL;
  CREATE TABLE revocations (
    tenant_id TEXT NOT NULL, seq BIGINT NOT NULL, scope TEXT NOT NULL, ids TEXT NOT NULL, reason TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (tenant_id, seq)
  );
  CREATE TABLE audit (tenant_id TEXT NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL, event TEXT NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (tenant_id, seq));
  CREATE TABLE use_batches (instance_id TEXT PRIMARY KEY, batch_seq BIGINT NOT NULL, at BIGINT NOT NULL);
  CREATE TABLE deks (
    id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, generation BIGINT NOT NULL, kek_id TEXT NOT NULL, wrapped BLOB NOT NULL, encryptions BIGINT NOT NULL,
    created_at BIGINT NOT NULL, UNIQUE (tenant_id, generation)
  );
  CREATE TABLE broker_keys (name TEXT PRIMARY KEY, wrapped BLOB NOT NULL);
  `,
  "CREATE INDEX grants_agent ON grants (agent_id, id) WHERE status = 'active';",
  'ALTER TABLE store_state ADD COLUMN max_staleness_ms BIGINT NOT NULL DEFAULT 0;',
];
