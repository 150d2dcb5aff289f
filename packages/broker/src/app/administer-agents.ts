import { makeId } from '@leasehold/core';
import type { Agent } from '../domain/agent.ts';
import { routesOf } from '../domain/routes-of.ts';
import { statusChange } from '../domain/status-change.ts';
import type { AdminUseCases } from '../ports/use-cases.ts';
import { mustBeName, tenantIdOf } from './administer-tenants.ts';
import type { AdministrationDeps } from './administration.ts';
import { actorOf, change, notFound, refOf, unchanged } from './reach.ts';

export function administerAgents(
  deps: AdministrationDeps,
): Pick<AdminUseCases, 'addAgent' | 'listAgents' | 'agentRoutes' | 'rotateAgentToken' | 'setAgentStatus'> {
  const { store, randomBytes, mintToken } = deps;
  return {
    addAgent: async (by, tenantName, name) => {
      mustBeName(name);
      const { token, hash } = mintToken('agent');
      const { result: agent } = await change(deps, by, tenantName, {}, ({ tenant }, now) => {
        const row: Agent = {
          id: makeId('agent', randomBytes(16)),
          tenantId: tenant.id,
          name,
          status: 'active',
          tokenHash: hash,
          tokenVersion: 1,
          cutSeq: 0,
          createdAt: now,
        };
        return {
          changes: [{ put: 'agent', row }],
          revocations: [],
          audit: [{ actor: actorOf(by), action: 'agent.created', outcome: 'allowed', agentId: row.id, detail: { name } }],
          result: row,
        };
      });
      return { agent, token };
    },

    listAgents: async (by, tenant, page) => store.listings.agents(await tenantIdOf(deps, by, tenant), page),

    agentRoutes: async (by, tenantName, name) => {
      const tenantId = await tenantIdOf(deps, by, tenantName);
      const { agent } = await store.directory.find({ tenant: { id: tenantId }, agent: refOf(name) });
      const lineage = agent === undefined || agent.status === 'deleted' ? undefined : await store.directory.lineageOf(agent.id);
      if (lineage === undefined) throw notFound('agent', name);
      return routesOf(lineage).filter((route) => route.status !== 'not_granted');
    },

    rotateAgentToken: async (by, tenantName, name) => {
      const { token, hash } = mintToken('agent');
      const { result: row, revocation } = await change(deps, by, tenantName, { agent: refOf(name) }, ({ agent }) => {
        if (agent === undefined || agent.status === 'deleted') throw notFound('agent', name);
        const next: Agent = { ...agent, tokenHash: hash, tokenVersion: agent.tokenVersion + 1 };
        return {
          changes: [{ put: 'agent', row: next }],
          // Sessions opened with the old token end, and so does what they hold.
          revocations: [{ scope: 'agent', ids: [agent.id], reason: 'token_rotated' }],
          audit: [
            {
              actor: actorOf(by),
              action: 'agent.token_rotated',
              outcome: 'allowed',
              agentId: agent.id,
              detail: { name: agent.name, token_version: next.tokenVersion },
            },
          ],
          result: next,
        };
      });
      return { row, revocation, token };
    },

    setAgentStatus: async (by, tenantName, name, status) => {
      const { result: row, revocation } = await change(deps, by, tenantName, { agent: refOf(name) }, ({ agent }) => {
        if (agent === undefined || agent.status === 'deleted') throw notFound('agent', name);
        const changed = statusChange('agent', agent, status, actorOf(by));
        if (changed === undefined) return unchanged(agent, { wasRevoked: status !== 'active' });
        const next: Agent = { ...agent, status };
        return { ...changed, changes: [{ put: 'agent', row: next }], result: next };
      });
      return { row, revocation };
    },
  };
}
