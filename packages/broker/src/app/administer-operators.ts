import { AppError, makeId } from '@leasehold/core';
import type { Operator } from '../domain/operator.ts';
import type { AdminUseCases } from '../ports/use-cases.ts';
import { mustBeName, tenantIdOf } from './administer-tenants.ts';
import type { AdministrationDeps } from './administration.ts';
import { actorOf, change, mustReachAll, notFound, refOf } from './reach.ts';

/** The operators of one tenant. Who they are is for its own operators to see, and for those of all tenants to change. */
export function administerOperators(deps: AdministrationDeps): Pick<AdminUseCases, 'addOperator' | 'listOperators' | 'deleteOperators'> {
  const { store, randomBytes, mintToken } = deps;
  return {
    addOperator: async (by, tenantName, name) => {
      mustReachAll(by);
      mustBeName(name);
      const { token, hash } = mintToken('operator');
      const { result: operator } = await change(deps, by, tenantName, { operators: { name } }, ({ tenant, operators = [] }, now) => {
        // Here, and not in the schema: a database of before may hold two of one name, which are deleted together.
        if (operators.length > 0)
          throw new AppError('already_exists', `There is an operator ${name} already. Choose another name, or delete that one.`);
        const row: Operator = { id: makeId('operator', randomBytes(16)), name, tenantId: tenant.id, tokenHash: hash, createdAt: now };
        return {
          changes: [{ put: 'operator', row }],
          revocations: [],
          audit: [{ actor: actorOf(by), action: 'operator.created', outcome: 'allowed', detail: { name, operator: row.id } }],
          result: row,
        };
      });
      return { operator, token };
    },

    listOperators: async (by, tenant, page) => store.listings.operators(await tenantIdOf(deps, by, tenant), page),

    deleteOperators: async (by, tenantName, nameOrId) => {
      mustReachAll(by);
      const { result } = await change(deps, by, tenantName, { operators: refOf(nameOrId) }, ({ operators = [] }) => {
        if (operators.length === 0) throw notFound('operator', nameOrId);
        return {
          changes: operators.map(({ id }) => ({ drop: 'operator', id }) as const),
          revocations: [],
          audit: operators.map(({ id, name }) => ({
            actor: actorOf(by),
            action: 'operator.deleted' as const,
            outcome: 'allowed' as const,
            detail: { name, operator: id },
          })),
          result: operators,
        };
      });
      return result;
    },
  };
}
