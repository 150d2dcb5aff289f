import type { Agent } from '../../domain/agent.ts';
import type { Credential } from '../../domain/credential.ts';
import type { Grant } from '../../domain/grant.ts';
import type { Lease } from '../../domain/lease.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { Facts, Ref, Selection } from '../../ports/store.ts';
import { toAgent, toCredential, toGrant, toLease, toTenant } from './entity-rows.ts';
import { integer, type Row } from './rows.ts';
import type { SqliteDatabase } from './sqlite-database.ts';

/** Reads what a selection names: the head of the log first, everything else within the tenant. */
export function readFacts(database: SqliteDatabase, epoch: string, selection: Omit<Selection, 'lock'>): Facts {
  const tenantRow = selection.tenant === undefined ? undefined : byRef(database, 'tenants', undefined, selection.tenant);
  const tenant = tenantRow && toTenant(tenantRow);
  const head = tenantRow && { epoch, seq: integer(tenantRow, 'log_seq') };
  const lastUseBatch = selection.useBatchesOf === undefined ? undefined : lastBatch(database, selection.useBatchesOf);
  const nothing = { head, tenant, agent: undefined, credential: undefined, grant: undefined, lease: undefined, lastUseBatch };
  return tenant === undefined ? nothing : { ...nothing, ...below(database, tenant, selection) };
}

interface Below {
  readonly agent: Agent | undefined;
  readonly credential: Credential | undefined;
  readonly grant: Grant | undefined;
  readonly lease: Lease | undefined;
}

function below(database: SqliteDatabase, tenant: Tenant, selection: Omit<Selection, 'lock'>): Below {
  const lease = selection.lease && find(database, 'leases', tenant, selection.lease, toLease);
  const grantId = lease?.grantId ?? (typeof selection.grant === 'object' ? selection.grant.id : undefined);
  const named = grantId === undefined ? undefined : find(database, 'grants', tenant, { id: grantId }, toGrant);
  const agentRef = named === undefined ? selection.agent : { id: named.agentId };
  const credentialRef = named === undefined ? selection.credential : { id: named.credentialId };
  const agent = agentRef && find(database, 'agents', tenant, agentRef, toAgent);
  const credential = credentialRef && find(database, 'credentials', tenant, credentialRef, toCredential);
  const grant = named ?? (selection.grant === 'pair' ? activeGrant(database, agent, credential) : undefined);
  return { agent, credential, grant, lease };
}

function activeGrant(database: SqliteDatabase, agent: Agent | undefined, credential: Credential | undefined): Grant | undefined {
  if (agent === undefined || credential === undefined) return undefined;
  const row = database.get("SELECT * FROM grants WHERE agent_id = ? AND credential_id = ? AND status = 'active'", agent.id, credential.id);
  return row && toGrant(row);
}

function find<T>(database: SqliteDatabase, table: string, tenant: Tenant, ref: Ref, convert: (row: Row) => T): T | undefined {
  const row = byRef(database, table, tenant.id, ref);
  return row && convert(row);
}

function byRef(database: SqliteDatabase, table: string, tenantId: string | undefined, ref: Ref): Row | undefined {
  const within = tenantId === undefined ? '' : ' AND tenant_id = ?';
  const scope = tenantId === undefined ? [] : [tenantId];
  if ('id' in ref) return database.get(`SELECT * FROM ${table} WHERE id = ?${within}`, ref.id, ...scope);
  const alive = tenantId === undefined ? '' : " AND status <> 'deleted'";
  return database.get(`SELECT * FROM ${table} WHERE name = ?${within}${alive}`, ref.name, ...scope);
}

function lastBatch(database: SqliteDatabase, instanceId: string): number | undefined {
  const row = database.get('SELECT batch_seq FROM use_batches WHERE instance_id = ?', instanceId);
  return row && integer(row, 'batch_seq');
}
