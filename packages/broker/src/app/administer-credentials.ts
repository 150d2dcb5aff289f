import { AppError, checkValue, makeId, makePlaceholder } from '@leasehold/core';
import type { Credential, SealedValue } from '../domain/credential.ts';
import { statusChange } from '../domain/status-change.ts';
import type { AdminUseCases } from '../ports/use-cases.ts';
import { tenantIdOf } from './administer-tenants.ts';
import type { AdministrationDeps } from './administration.ts';
import { checkCredentialDraft, mustNotShow } from './check-credential-draft.ts';
import { actorOf, change, notFound, refOf, unchanged } from './reach.ts';

/** Rotations of one credential at once are rare; a third loser is told to look what happened. */
const maxTries = 3;

type CredentialUseCases = Pick<
  AdminUseCases,
  'addCredential' | 'listCredentials' | 'showCredential' | 'rotateCredential' | 'setCredentialStatus'
>;

export function administerCredentials(deps: AdministrationDeps): CredentialUseCases {
  const { store, vault, randomBytes } = deps;

  async function found(by: Parameters<AdminUseCases['showCredential']>[0], tenant: string, name: string): Promise<Credential> {
    const tenantId = await tenantIdOf(deps, by, tenant);
    const { credential } = await store.directory.find({ tenant: { id: tenantId }, credential: refOf(name) });
    if (credential === undefined || credential.status === 'deleted') throw notFound('credential', name);
    return credential;
  }

  /** Undefined when another rotation was faster: the value was sealed for a version that is taken. */
  async function tryRotate(by: Parameters<AdminUseCases['rotateCredential']>[0], tenant: string, name: string, value: Uint8Array) {
    const before = await found(by, tenant, name);
    mustNotShow(before, value);
    const version = before.version + 1;
    const sealed: SealedValue = await vault.seal({ tenantId: before.tenantId, credentialId: before.id, version }, value);
    return change(deps, by, tenant, { credential: { id: before.id } }, ({ credential }, now) => {
      if (credential === undefined || credential.status === 'deleted') throw notFound('credential', name);
      if (credential.version !== before.version) return { changes: [], revocations: [], audit: [], result: undefined };
      const next: Credential = { ...credential, version, updatedAt: now };
      return {
        changes: [
          { put: 'credential', row: next },
          { put: 'value', row: sealed },
          { drop: 'values', credentialId: credential.id, below: version },
        ],
        revocations: [{ scope: 'credential', ids: [credential.id], reason: 'rotated' }],
        audit: [
          {
            actor: actorOf(by),
            action: 'credential.rotated',
            outcome: 'allowed',
            credentialId: credential.id,
            detail: { name: credential.name, version },
          },
        ],
        result: next,
      };
    });
  }

  return {
    addCredential: async (by, tenantName, draft, value) => {
      checkCredentialDraft(draft, value);
      // Sealed before the transaction: the key service is a network away.
      const tenantId = await tenantIdOf(deps, by, tenantName);
      const id = makeId('credential', randomBytes(16));
      const placeholder = makePlaceholder(draft, randomBytes(16));
      const sealed = await vault.seal({ tenantId, credentialId: id, version: 1 }, value);
      const { result } = await change(deps, by, tenantName, {}, (_, now) => {
        const row: Credential = {
          ...draft,
          placeholder,
          id,
          tenantId,
          status: 'active',
          version: 1,
          cutSeq: 0,
          createdAt: now,
          updatedAt: now,
        };
        return {
          changes: [
            { put: 'credential', row },
            { put: 'value', row: sealed },
          ],
          revocations: [],
          audit: [
            {
              actor: actorOf(by),
              action: 'credential.created',
              outcome: 'allowed',
              credentialId: id,
              detail: { name: draft.name, type: draft.type, version: 1 },
            },
          ],
          result: row,
        };
      });
      return result;
    },

    listCredentials: async (by, tenant, page) => store.listings.credentials(await tenantIdOf(deps, by, tenant), page),
    showCredential: found,

    rotateCredential: async (by, tenant, name, value) => {
      checkValue(value);
      for (let tries = 0; tries < maxTries; tries += 1) {
        const { result: row, revocation } = await tryRotate(by, tenant, name, value);
        if (row !== undefined) return { row, revocation };
      }
      throw new AppError('conflict', `"${name}" is being rotated by somebody else too. Look at its version, and try again.`);
    },

    setCredentialStatus: async (by, tenantName, name, status) => {
      const { result: row, revocation } = await change(deps, by, tenantName, { credential: refOf(name) }, ({ credential }, now) => {
        if (credential === undefined || credential.status === 'deleted') throw notFound('credential', name);
        const changed = statusChange('credential', credential, status, actorOf(by));
        if (changed === undefined) return unchanged(credential, { wasRevoked: status !== 'active' });
        const next: Credential = { ...credential, status, updatedAt: now };
        const dropped = status === 'deleted' ? [{ drop: 'values' as const, credentialId: credential.id, below: undefined }] : [];
        return { ...changed, changes: [{ put: 'credential', row: next }, ...dropped], result: next };
      });
      return { row, revocation };
    },
  };
}
