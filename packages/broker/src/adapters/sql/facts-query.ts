import type { LogHead } from '@leasehold/core';
import type { Agent } from '../../domain/agent.ts';
import type { Credential } from '../../domain/credential.ts';
import type { Grant } from '../../domain/grant.ts';
import type { Lease } from '../../domain/lease.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { Facts, Ref, Selection } from '../../ports/store.ts';
import { toAgent, toCredential, toGrant, toLease, toOperator, toTenant } from './entity-rows.ts';
import { type Query, type Statement, statement } from './query.ts';
import { integer } from './rows.ts';

/** Reads what a selection names: the head of the log first, everything else within the tenant (INV-14). */
export function* readFacts(epoch: string, selection: Omit<Selection, 'lock'>): Query<Facts> {
  const [tenantRow] = selection.tenant === undefined ? [] : yield tenantBy(selection.tenant);
  const tenant = tenantRow && toTenant(tenantRow);
  const head = tenantRow && { epoch, seq: integer(tenantRow, 'log_seq') };
  const lastUseBatch = selection.useBatchesOf === undefined ? undefined : yield* lastBatch(selection.useBatchesOf);
  if (tenant === undefined)
    return { head, tenant, agent: undefined, credential: undefined, grant: undefined, lease: undefined, lastUseBatch };
  const { agent, credential, grant, lease } = yield* below(tenant, selection);
  const [asker] = selection.asker === undefined ? [] : yield operatorsBy({ id: selection.asker }, tenant);
  const facts = { head, tenant, agent, credential, grant, lease, lastUseBatch, ...(asker && { asker: toOperator(asker) }) };
  if (selection.operators === undefined) return facts;
  return { ...facts, operators: (yield operatorsBy(selection.operators, tenant)).map(toOperator) };
}

/** The head of one tenant's log: undefined when there is no such tenant. */
export function* readHead(epoch: string, tenantId: string): Query<LogHead | undefined> {
  const [row] = yield statement('SELECT log_seq FROM tenants WHERE id = ?', tenantId);
  return row && { epoch, seq: integer(row, 'log_seq') };
}

interface Below {
  readonly agent: Agent | undefined;
  readonly credential: Credential | undefined;
  readonly grant: Grant | undefined;
  readonly lease: Lease | undefined;
}

function* below(tenant: Tenant, selection: Omit<Selection, 'lock'>): Query<Below> {
  const [leaseRow] = selection.lease === undefined ? [] : yield byId('leases', tenant, selection.lease.id);
  const lease = leaseRow && toLease(leaseRow);
  const grantId = lease?.grantId ?? (typeof selection.grant === 'object' ? selection.grant.id : undefined);
  const [namedRow] = grantId === undefined ? [] : yield byId('grants', tenant, grantId);
  const named = namedRow && toGrant(namedRow);

  const agentRef = named === undefined ? selection.agent : { id: named.agentId };
  const [agentRow] = agentRef === undefined ? [] : yield byRef('agents', tenant, agentRef);
  const agent = agentRow && toAgent(agentRow);
  const credentialRef = named === undefined ? selection.credential : { id: named.credentialId };
  const [credentialRow] = credentialRef === undefined ? [] : yield byRef('credentials', tenant, credentialRef);
  const credential = credentialRow && toCredential(credentialRow);

  const isPair = named === undefined && selection.grant === 'pair' && agent !== undefined && credential !== undefined;
  const [pairRow] = isPair ? yield statement(activeGrant, agent.id, credential.id) : [];
  return { agent, credential, grant: named ?? (pairRow && toGrant(pairRow)), lease };
}

const activeGrant = "SELECT * FROM grants WHERE agent_id = ? AND credential_id = ? AND status = 'active'";

const ofTenant = {
  agents: 'SELECT * FROM agents WHERE id = ? AND tenant_id = ?',
  credentials: 'SELECT * FROM credentials WHERE id = ? AND tenant_id = ?',
  grants: 'SELECT * FROM grants WHERE id = ? AND tenant_id = ?',
  leases: 'SELECT * FROM leases WHERE id = ? AND tenant_id = ?',
} as const;

/** Deleted rows are found by id only. */
const ofTenantByName = {
  agents: "SELECT * FROM agents WHERE name = ? AND tenant_id = ? AND status <> 'deleted'",
  credentials: "SELECT * FROM credentials WHERE name = ? AND tenant_id = ? AND status <> 'deleted'",
} as const;

function tenantBy(ref: Ref): Statement {
  return 'id' in ref
    ? statement('SELECT * FROM tenants WHERE id = ?', ref.id)
    : statement('SELECT * FROM tenants WHERE name = ?', ref.name);
}

function operatorsBy(ref: Ref, tenant: Tenant): Statement {
  return 'id' in ref
    ? statement('SELECT * FROM operators WHERE id = ? AND tenant_id = ?', ref.id, tenant.id)
    : statement('SELECT * FROM operators WHERE name = ? AND tenant_id = ? ORDER BY id', ref.name, tenant.id);
}

function byId(table: keyof typeof ofTenant, tenant: Tenant, id: string): Statement {
  return statement(ofTenant[table], id, tenant.id);
}

function byRef(table: keyof typeof ofTenantByName, tenant: Tenant, ref: Ref): Statement {
  return 'id' in ref ? byId(table, tenant, ref.id) : statement(ofTenantByName[table], ref.name, tenant.id);
}

function* lastBatch(instanceId: string): Query<number | undefined> {
  const [row] = yield statement('SELECT batch_seq FROM use_batches WHERE instance_id = ?', instanceId);
  return row && integer(row, 'batch_seq');
}
