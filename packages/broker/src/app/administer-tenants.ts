import { AppError, isName, makeId } from '@leasehold/core';
import type { Operator } from '../domain/operator.ts';
import { statusChange } from '../domain/status-change.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { AdminUseCases } from '../ports/use-cases.ts';
import type { AdministrationDeps } from './administration.ts';
import { actorOf, change, mustReachAll, reached, refOf, unchanged } from './reach.ts';

export function mustBeName(name: string): void {
  if (!isName(name))
    throw new AppError(
      'invalid_argument',
      `"${name}" is no name: use lower-case letters, digits and "-", at most 63, beginning with a letter or digit.`,
    );
}

export function administerTenants(
  deps: AdministrationDeps,
): Pick<AdminUseCases, 'addTenant' | 'listTenants' | 'setTenantStatus' | 'setTenant'> {
  const { store, randomBytes } = deps;
  return {
    addTenant: async (by, name) => {
      mustReachAll(by);
      mustBeName(name);
      const { result } = await store.ledger.commit({ tenant: undefined, lock: 'update' }, (_, now) => {
        const tenant: Tenant = {
          id: makeId('tenant', randomBytes(16)),
          name,
          status: 'active',
          agentsDiscoverNames: false,
          cutSeq: 0,
          createdAt: now,
        };
        return {
          changes: [{ put: 'tenant', row: tenant }],
          revocations: [],
          audit: [{ actor: actorOf(by), action: 'tenant.created', outcome: 'allowed', detail: { name } }],
          result: tenant,
        };
      });
      return result;
    },

    listTenants: async (by, page) => {
      if (by.tenantId === undefined) return store.listings.tenants(page);
      const { tenant } = await store.directory.find({ tenant: { id: by.tenantId } });
      return { items: [reached(by, tenant, by.tenantId)], next: undefined };
    },

    setTenantStatus: async (by, name, status) => {
      mustReachAll(by);
      const { result: row, revocation } = await change(deps, by, name, {}, ({ tenant }) => {
        const changed = statusChange('tenant', tenant, status, actorOf(by));
        if (changed === undefined) return unchanged(tenant, { wasRevoked: status !== 'active' });
        const next: Tenant = { ...tenant, status };
        return { ...changed, changes: [{ put: 'tenant', row: next }], result: next };
      });
      return { row, revocation };
    },

    setTenant: async (by, name, { agentsDiscoverNames }) => {
      const { result } = await change(deps, by, name, {}, ({ tenant }) => {
        const next: Tenant = { ...tenant, agentsDiscoverNames };
        if (tenant.agentsDiscoverNames === agentsDiscoverNames) return unchanged(tenant);
        const detail = { name: tenant.name, agents_discover_names: agentsDiscoverNames ? 'on' : 'off' };
        return {
          changes: [{ put: 'tenant', row: next }],
          revocations: [],
          audit: [{ actor: actorOf(by), action: 'tenant.updated', outcome: 'allowed', detail }],
          result: next,
        };
      });
      return result;
    },
  };
}

/** The id of a tenant that this operator reaches. */
export async function tenantIdOf(deps: Pick<AdministrationDeps, 'store'>, by: Operator, name: string): Promise<string> {
  const { tenant } = await deps.store.directory.find({ tenant: refOf(name) });
  return reached(by, tenant, name).id;
}
