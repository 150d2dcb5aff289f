import { decideRenew } from '../domain/decide-lease.ts';
import type { Store } from '../ports/store.ts';
import type { LendingUseCases } from '../ports/use-cases.ts';
import { denied } from './denied.ts';
import { written } from './issue-lease.ts';

/** Moves the end of a live lease. Carries no value: a lease is bound to one version. */
export function createRenewLease({ store }: { readonly store: Pick<Store, 'ledger'> }): LendingUseCases['renewLease'] {
  return async ({ tenantId, agentId, tokenVersion }, { leaseId, ttlMs }) => {
    const { result, head } = await store.ledger.commit(
      { tenant: { id: tenantId }, lease: { id: leaseId }, lock: 'share', turn: { of: agentId, weight: 1 } },
      (facts, now) => written(decideRenew(facts, { agentId, tokenVersion, leaseId, ttlMs }, now)),
    );
    if (result.kind === 'deny' || head === undefined) throw denied(result.kind === 'deny' ? result.reason : 'lease_ended');
    // The head that this decision was made under, not that of the issue: else any revocation since would make the answer look like a late one.
    return { leaseId, ttlMs: result.ttlMs, epoch: head.epoch, issuedAtSeq: head.seq };
  };
}
