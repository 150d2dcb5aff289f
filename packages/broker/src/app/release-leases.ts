import type { Facts } from '../domain/facts.ts';
import type { Decision, Store } from '../ports/store.ts';
import type { LendingUseCases } from '../ports/use-cases.ts';
import { mustBeCurrent } from './denied.ts';

const nothing: Decision<boolean> = { changes: [], revocations: [], audit: [], result: false };

/** Marks the caller's own live leases as released. What is unknown, foreign or over is passed over: the caller wants it gone anyway. */
export function createReleaseLeases({ store }: { readonly store: Pick<Store, 'ledger' | 'directory'> }): LendingUseCases['releaseLeases'] {
  return async ({ tenantId, agentId, tokenVersion }, leaseIds) => {
    const { agent } = await store.directory.find({ tenant: { id: tenantId }, agent: { id: agentId } });
    mustBeCurrent(agent, tokenVersion);
    const decide = ({ lease }: Facts, now: number): Decision<boolean> => {
      if (lease === undefined || lease.agentId !== agentId || lease.ended !== undefined || now >= lease.expiresAt) return nothing;
      const { credentialId, grantId, id } = lease;
      return {
        changes: [{ put: 'lease', row: { ...lease, ended: { how: 'released', at: now } } }],
        revocations: [],
        audit: [
          {
            actor: { kind: 'agent', id: agentId },
            action: 'lease.released',
            outcome: 'allowed',
            agentId,
            credentialId,
            grantId,
            leaseId: id,
          },
        ],
        result: true,
      };
    };
    const turn = { of: agentId, weight: 1 };
    const commits = leaseIds.map((id) => store.ledger.commit({ tenant: { id: tenantId }, lease: { id }, lock: 'share', turn }, decide));
    return (await Promise.all(commits)).filter(({ result }) => result).length;
  };
}
