import { leaseStatus } from '../domain/lease-liveness.ts';
import type { AdminUseCases } from '../ports/use-cases.ts';
import { tenantIdOf } from './administer-tenants.ts';
import type { AdministrationDeps } from './administration.ts';
import { actorOf, change, notFound, unchanged } from './reach.ts';

export function administerLeases(deps: AdministrationDeps): Pick<AdminUseCases, 'listLeases' | 'revokeLease'> {
  return {
    listLeases: async (by, tenant, page, live) => {
      const listed = await deps.store.listings.leases(await tenantIdOf(deps, by, tenant), page, live);
      const items = listed.items.map((item) => ({ ...item, status: leaseStatus(item.lease, item, item.now) }));
      // What a revocation killed is not marked row by row: whether it lives is derived here.
      return { items: live ? items.filter(({ status }) => status === 'active') : items, next: listed.next };
    },

    revokeLease: async (by, tenantName, leaseId) => {
      const { result: row, revocation } = await change(
        deps,
        by,
        tenantName,
        { lease: { id: leaseId } },
        ({ tenant, agent, credential, grant, lease }, now) => {
          if (lease === undefined || agent === undefined || credential === undefined || grant === undefined)
            throw notFound('lease', leaseId);
          const listing = { now, lease, tenant, agent, credential, grant };
          // One that ran out by this clock is revoked, too: the sidecar counts its time by another.
          if (!['active', 'expired'].includes(leaseStatus(lease, listing, now))) return unchanged(listing, { wasRevoked: true });
          return {
            changes: [],
            revocations: [{ scope: 'lease', ids: [lease.id], reason: 'revoked' }],
            audit: [
              {
                actor: actorOf(by),
                action: 'lease.revoked',
                outcome: 'allowed',
                reason: 'revoked',
                agentId: agent.id,
                credentialId: credential.id,
                grantId: grant.id,
                leaseId: lease.id,
              },
            ],
            result: { ...listing, lease: { ...lease, ended: { how: 'revoked' as const, at: now } } },
          };
        },
      );
      return { row, revocation };
    },
  };
}
