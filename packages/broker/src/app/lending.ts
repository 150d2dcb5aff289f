import { routesOf } from '../domain/routes-of.ts';
import type { Authenticator } from '../ports/authenticator.ts';
import type { Store } from '../ports/store.ts';
import type { LendingUseCases } from '../ports/use-cases.ts';
import type { Vault } from '../vault/envelope.ts';
import { denied } from './denied.ts';
import { createIssueLease, type IssueLeaseDeps } from './issue-lease.ts';
import { createOpenSession, type SessionTokens } from './open-session.ts';
import { createRecordUse } from './record-use.ts';
import { createReleaseLeases } from './release-leases.ts';
import { createRenewLease } from './renew-lease.ts';

export interface LendingDeps extends Pick<IssueLeaseDeps, 'sealedValuesKept'> {
  readonly store: Store;
  readonly vault: Vault;
  readonly agentTokens: Authenticator<string>;
  readonly sessionTokens: SessionTokens;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** What sidecars may ask for. */
export function createLending(deps: LendingDeps): LendingUseCases {
  return {
    openSession: createOpenSession(deps),
    verifySession: (token) => deps.sessionTokens.verify(token),
    issueLease: createIssueLease(deps),
    renewLease: createRenewLease(deps),
    releaseLeases: createReleaseLeases(deps),
    recordUse: createRecordUse(deps),
    routesOf: async ({ agentId, tokenVersion }) => {
      const lineage = await deps.store.directory.lineageOf(agentId);
      if (lineage === undefined || lineage.agent.status === 'deleted' || lineage.agent.tokenVersion !== tokenVersion)
        throw denied('identity_invalid');
      return routesOf(lineage);
    },
  };
}
