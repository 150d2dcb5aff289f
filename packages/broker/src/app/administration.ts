import { AppError } from '@leasehold/core';
import type { Sha256 } from '../domain/audit-chain.ts';
import type { RevocationSignal } from '../ports/revocation-signal.ts';
import type { Ledger, Store } from '../ports/store.ts';
import type { AdminUseCases } from '../ports/use-cases.ts';
import type { Watchers } from '../ports/watchers.ts';
import type { Vault } from '../vault/envelope.ts';
import { administerAgents } from './administer-agents.ts';
import { administerCredentials } from './administer-credentials.ts';
import { administerGrants } from './administer-grants.ts';
import { administerLeases } from './administer-leases.ts';
import { administerOperators } from './administer-operators.ts';
import { administerTenants, tenantIdOf } from './administer-tenants.ts';
import { createKillSwitch } from './kill-switch.ts';
import { mustReachAll } from './reach.ts';
import { createAuditVerifier } from './verify-audit.ts';

export interface AdministrationDeps {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly signal: RevocationSignal;
  readonly vault: Vault;
  readonly watchers: Watchers;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly mintToken: (kind: 'agent' | 'operator') => { readonly token: string; readonly hash: Uint8Array };
  readonly hashToken: (token: string) => Uint8Array;
  readonly sha256: Sha256;
  readonly auditMac: (tenantId: string, seq: number, hash: Uint8Array) => Uint8Array;
  readonly version: string;
}

/** What operators may ask for. */
export function createAdministration(deps: AdministrationDeps): AdminUseCases {
  const { store, watchers } = deps;
  const verify = createAuditVerifier({ ...deps, audit: store.audit });
  return {
    authenticateOperator: async (token) => {
      const operator = await store.directory.operatorByTokenHash(deps.hashToken(token));
      if (operator === undefined)
        throw new AppError('identity_invalid', 'This operator token is not valid. Check LEASEHOLD_TOKEN_FILE or the state directory.');
      return operator;
    },
    ...administerTenants(deps),
    ...administerOperators(deps),
    ...administerAgents(deps),
    ...administerCredentials(deps),
    ...administerGrants(deps),
    ...administerLeases(deps),
    ...createKillSwitch(deps),

    auditRows: async (by, tenant, ask) => {
      const tenantId = await tenantIdOf(deps, by, tenant);
      return 'newest' in ask ? store.audit.newest(tenantId, ask.newest) : store.audit.rows(tenantId, ask.after, ask.limit);
    },
    verifyAudit: async function* (by, tenant) {
      yield* verify(await tenantIdOf(deps, by, tenant));
    },

    status: async (by) => {
      mustReachAll(by);
      const { tenants, liveLeases } = await store.listings.counts();
      const sidecars = watchers.connected().map(({ instanceName, ...rest }) => ({ ...rest, instance: instanceName }));
      return { version: deps.version, tenants, sidecars, liveLeases };
    },
    confirmationsOfAll: async function* (by, committedAt, ended) {
      mustReachAll(by);
      yield* watchers.confirmationsOfAll(committedAt, ended);
    },
    confirmations: async function* (by, tenant, revocation, ended) {
      yield* watchers.confirmations(await tenantIdOf(deps, by, tenant), revocation, ended);
    },
  };
}
