import type { Agent } from '../../domain/agent.ts';
import type { Credential, SealedValue } from '../../domain/credential.ts';
import type { Operator } from '../../domain/operator.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { Directory, Lineage } from '../../ports/store.ts';
import { toAgent, toCredential, toGrant, toOperator, toSealedValue, toTenant } from './entity-rows.ts';
import { readFacts } from './facts-query.ts';
import { type Query, type RunQuery, type Statement, type Surroundings, statement } from './query.ts';

export function createDirectory(run: RunQuery, surroundings: Surroundings): Directory {
  return {
    agentByTokenHash: (hash) => run(readAgent(statement("SELECT * FROM agents WHERE token_hash = ? AND status <> 'deleted'", hash))),
    operatorByTokenHash: (hash) => run(readOperator(hash)),
    find: (selection) => run(readFacts(surroundings.epoch, selection)),
    lineageOf: (agentId) => run(readLineage(agentId, surroundings)),
    sealedValue: (credentialId, version) => run(readSealedValue(credentialId, version)),
  };
}

function* readAgent(which: Statement): Query<{ readonly tenant: Tenant; readonly agent: Agent } | undefined> {
  const [agentRow] = yield which;
  const agent = agentRow && toAgent(agentRow);
  if (agent === undefined) return undefined;
  const [tenantRow] = yield statement('SELECT * FROM tenants WHERE id = ?', agent.tenantId);
  return tenantRow && { tenant: toTenant(tenantRow), agent };
}

function* readOperator(tokenHash: Uint8Array): Query<Operator | undefined> {
  const [row] = yield statement('SELECT * FROM operators WHERE token_hash = ?', tokenHash);
  return row && toOperator(row);
}

function* readLineage(agentId: string, { now }: Surroundings): Query<Lineage | undefined> {
  const found = yield* readAgent(statement('SELECT * FROM agents WHERE id = ?', agentId));
  if (found === undefined) return undefined;
  const grantRows = yield statement("SELECT * FROM grants WHERE agent_id = ? AND status = 'active' ORDER BY id", agentId);
  const grants: Lineage['grants'][number][] = [];
  for (const grant of grantRows.map(toGrant)) {
    const [row] = yield statement("SELECT * FROM credentials WHERE id = ? AND status <> 'deleted'", grant.credentialId);
    if (row !== undefined) grants.push({ grant, credential: toCredential(row) });
  }
  return { now: yield* now(), ...found, grants, ungranted: yield* readUngranted(found) };
}

/** So many names are told at most: a refusal names one of them, and nobody reads more. */
const maxUngranted = 500;

function* readUngranted({ tenant, agent }: { readonly tenant: Tenant; readonly agent: Agent }): Query<readonly Credential[]> {
  if (!tenant.agentsDiscoverNames) return [];
  const rows = yield statement(
    `SELECT * FROM credentials c WHERE tenant_id = ? AND status <> 'deleted'
       AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.agent_id = ? AND g.credential_id = c.id AND g.status = 'active')
     ORDER BY name LIMIT ?`,
    tenant.id,
    agent.id,
    maxUngranted,
  );
  return rows.map(toCredential);
}

function* readSealedValue(credentialId: string, version: number): Query<SealedValue | undefined> {
  const [row] = yield statement('SELECT * FROM credential_values WHERE credential_id = ? AND version = ?', credentialId, version);
  return row && toSealedValue(row);
}
