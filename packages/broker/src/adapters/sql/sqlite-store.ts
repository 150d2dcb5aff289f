import { AppError } from '@leasehold/core';
import type { AuditTrail, Directory, KeyStore, RevocationLog, Store } from '../../ports/store.ts';
import { toAgent, toAuditRow, toCredential, toDek, toGrant, toOperator, toRevocation, toSealedValue, toTenant } from './entity-rows.ts';
import { bytes, integer, text } from './rows.ts';
import { type AuditMac, createAuditChains } from './sqlite-audit.ts';
import { openSqlite, type SqliteDatabase } from './sqlite-database.ts';
import { readFacts } from './sqlite-facts.ts';
import { createSqliteLedger } from './sqlite-ledger.ts';
import { createSqliteListings } from './sqlite-listings.ts';

export interface SqliteStoreOptions {
  /** File, or `:memory:`. */
  readonly path: string;
  /** A fresh one at each open: one broker owns the file, and a file put back from a backup must never pass for the one that sidecars knew. */
  readonly epoch: string;
  readonly auditMac: AuditMac;
  /** Wall clock, ms: for SQLite the database's clock is this process's. */
  readonly now: () => number;
}

/** The store of a single broker: one file, no other service. */
export function createSqliteStore({ path, epoch, auditMac, now }: SqliteStoreOptions): Store {
  const database = openSqlite(path);
  return {
    ledger: createSqliteLedger({ database, chains: createAuditChains(database, auditMac), epoch, now }),
    log: createLog(database, epoch),
    directory: createDirectory(database, epoch, now),
    listings: createSqliteListings(database, now),
    keys: createKeys(database),
    audit: createTrail(database),
    check: async () => {
      try {
        database.get('SELECT revision FROM store_state');
      } catch (cause) {
        throw new AppError('store_unavailable', 'The database can’t be read.', { cause });
      }
    },
    close: async () => database.close(),
  };
}

function createLog(database: SqliteDatabase, epoch: string): RevocationLog {
  const revision = (): number => integer(database.get('SELECT revision FROM store_state') ?? {}, 'revision');
  return {
    heads: async (tenantIds) => {
      const heads = new Map<string, { epoch: string; seq: number }>();
      for (const id of tenantIds) {
        const row = database.get('SELECT log_seq FROM tenants WHERE id = ?', id);
        if (row !== undefined) heads.set(id, { epoch, seq: integer(row, 'log_seq') });
      }
      return heads;
    },
    after: async (tenantId, after, limit) =>
      database
        .all('SELECT * FROM revocations WHERE tenant_id = ? AND seq > ? ORDER BY seq LIMIT ?', tenantId, after, limit)
        .map(toRevocation),
    revision: async () => revision(),
    agentsChangedAfter: async (since) => {
      const rows = database.all(
        `SELECT id FROM agents WHERE rev > ?
         UNION SELECT a.id FROM agents a JOIN tenants t ON t.id = a.tenant_id WHERE t.rev > ?
         UNION SELECT agent_id FROM grants WHERE rev > ?
         UNION SELECT g.agent_id FROM grants g JOIN credentials c ON c.id = g.credential_id WHERE c.rev > ?`,
        since,
        since,
        since,
        since,
      );
      return { revision: revision(), agentIds: rows.map((row) => text(row, 'id')) };
    },
  };
}

function createDirectory(database: SqliteDatabase, epoch: string, now: () => number): Directory {
  const tenantOf = (id: string) => {
    const row = database.get('SELECT * FROM tenants WHERE id = ?', id);
    return row && toTenant(row);
  };
  return {
    agentByTokenHash: async (hash) => {
      const row = database.get("SELECT * FROM agents WHERE token_hash = ? AND status <> 'deleted'", hash);
      const agent = row && toAgent(row);
      const tenant = agent && tenantOf(agent.tenantId);
      return agent === undefined || tenant === undefined ? undefined : { tenant, agent };
    },
    operatorByTokenHash: async (hash) => {
      const row = database.get('SELECT * FROM operators WHERE token_hash = ?', hash);
      return row && toOperator(row);
    },
    find: async (selection) => readFacts(database, epoch, selection),
    lineageOf: async (agentId) => {
      const row = database.get('SELECT * FROM agents WHERE id = ?', agentId);
      const agent = row && toAgent(row);
      const tenant = agent && tenantOf(agent.tenantId);
      if (agent === undefined || tenant === undefined) return undefined;
      const grants = database
        .all("SELECT * FROM grants WHERE agent_id = ? AND status = 'active' ORDER BY id", agentId)
        .flatMap((grantRow) => {
          const grant = toGrant(grantRow);
          const credentialRow = database.get("SELECT * FROM credentials WHERE id = ? AND status <> 'deleted'", grant.credentialId);
          return credentialRow === undefined ? [] : [{ grant, credential: toCredential(credentialRow) }];
        });
      return { now: now(), tenant, agent, grants };
    },
    sealedValue: async (credentialId, version) => {
      const row = database.get('SELECT * FROM credential_values WHERE credential_id = ? AND version = ?', credentialId, version);
      return row && toSealedValue(row);
    },
  };
}

function createKeys(database: SqliteDatabase): KeyStore {
  const brokerKey = (name: string) => {
    const row = database.get('SELECT wrapped FROM broker_keys WHERE name = ?', name);
    return row && bytes(row, 'wrapped');
  };
  return {
    deksOf: async (tenantId) => database.all('SELECT * FROM deks WHERE tenant_id = ? ORDER BY generation DESC', tenantId).map(toDek),
    dek: async (id) => {
      const row = database.get('SELECT * FROM deks WHERE id = ?', id);
      return row && toDek(row);
    },
    addDek: async ({ id, tenantId, generation, kekId, wrapped, encryptions, createdAt }) => {
      const added = database.run(
        'INSERT INTO deks (id, tenant_id, generation, kek_id, wrapped, encryptions, created_at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
        id,
        tenantId,
        generation,
        kekId,
        wrapped,
        encryptions,
        createdAt,
      );
      if (added === 0) throw new AppError('conflict', 'Another broker made this generation of the data key already. Read it again.');
    },
    brokerKey: async (name, wrappedIfMissing) => {
      const known = brokerKey(name);
      if (known !== undefined) return known;
      database.run('INSERT INTO broker_keys (name, wrapped) VALUES (?, ?) ON CONFLICT DO NOTHING', name, await wrappedIfMissing());
      return brokerKey(name) ?? new Uint8Array(0);
    },
  };
}

function createTrail(database: SqliteDatabase): AuditTrail {
  return {
    rows: async (tenantId, after, limit) =>
      database.all('SELECT * FROM audit WHERE tenant_id = ? AND seq > ? ORDER BY seq LIMIT ?', tenantId, after, limit).map(toAuditRow),
    newest: async (tenantId, limit) =>
      database.all('SELECT * FROM audit WHERE tenant_id = ? ORDER BY seq DESC LIMIT ?', tenantId, limit).map(toAuditRow).toReversed(),
    head: async (tenantId) => {
      const row = database.get('SELECT audit_seq, audit_hash, audit_mac FROM tenants WHERE id = ?', tenantId);
      return row && { seq: integer(row, 'audit_seq'), hash: bytes(row, 'audit_hash'), mac: bytes(row, 'audit_mac') };
    },
  };
}
