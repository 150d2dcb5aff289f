import type { Operator } from '../domain/operator.ts';
import { killed } from '../domain/status-change.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { Decision } from '../ports/store.ts';
import type { AdminUseCases } from '../ports/use-cases.ts';
import type { AdministrationDeps } from './administration.ts';
import { actorOf, change, mustReachAll, notFound, refOf } from './reach.ts';

/** Cuts off an agent, a tenant or everything: one transaction, one row of the log for each tenant that is reached, whatever hangs below. */
export function createKillSwitch(deps: AdministrationDeps): Pick<AdminUseCases, 'killAll' | 'killTenant' | 'killAgent'> {
  return {
    killAll: async (by) => {
      mustReachAll(by);
      const { committed, left } = await deps.ledger.commitEach(({ tenant }) => {
        if (tenant === undefined) throw notFound('tenant', 'all');
        return killedTenant(by, tenant, 'all');
      });
      deps.signal.notify();
      return { killed: committed.map(({ result: row, head, at }) => ({ row, revocation: head && { head, committedAt: at } })), left };
    },

    // Taking away is open to the tenant's own operators; giving back is not (`setTenantStatus`).
    killTenant: async (by, name) => {
      const { result: row, revocation } = await change(deps, by, name, {}, ({ tenant }) => killedTenant(by, tenant, 'tenant'));
      return { row, revocation };
    },

    killAgent: async (by, tenantName, name) => {
      const { result: row, revocation } = await change(deps, by, tenantName, { agent: refOf(name) }, ({ agent }) => {
        if (agent === undefined || agent.status === 'deleted') throw notFound('agent', name);
        const next = { ...agent, status: 'suspended' as const };
        return { ...killed('agent', agent, actorOf(by), 'agent'), changes: [{ put: 'agent', row: next }], result: next };
      });
      return { row, revocation };
    },
  };
}

function killedTenant(by: Operator, tenant: Tenant, reach: 'tenant' | 'all'): Decision<Tenant> {
  const next: Tenant = { ...tenant, status: 'suspended' };
  return { ...killed('tenant', tenant, actorOf(by), reach), changes: [{ put: 'tenant', row: next }], result: next };
}
