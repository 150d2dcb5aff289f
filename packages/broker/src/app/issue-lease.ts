import { AppError, makeId } from '@leasehold/core';
import { LRUCache } from 'lru-cache';
import type { SealedValue } from '../domain/credential.ts';
import { decideIssue, type RenewDecision } from '../domain/decide-lease.ts';
import type { Decision, Store } from '../ports/store.ts';
import type { LendingUseCases } from '../ports/use-cases.ts';
import type { Vault } from '../vault/envelope.ts';
import { denied } from './denied.ts';

export interface IssueLeaseDeps {
  readonly store: Pick<Store, 'ledger' | 'directory'>;
  readonly vault: Pick<Vault, 'open'>;
  readonly randomBytes: (count: number) => Uint8Array;
  /** In memory: ciphertext, so losing one here loses nothing. */
  readonly sealedValuesKept?: number;
}

/** Decides and records in one transaction; the value is opened only after the commit, and only for the version that the lease names. */
export function createIssueLease({ store, vault, randomBytes, sealedValuesKept = 4_096 }: IssueLeaseDeps): LendingUseCases['issueLease'] {
  const sealedValues = new LRUCache<string, SealedValue>({ max: sealedValuesKept });

  async function sealedValue(credentialId: string, version: number): Promise<SealedValue> {
    const key = `${credentialId} ${version}`;
    const known = sealedValues.get(key) ?? (await store.directory.sealedValue(credentialId, version));
    // A rotation between the commit and here drops the old value; the event that killed this lease is on its way.
    if (known === undefined)
      throw new AppError('lease_ended', 'The credential was rotated in this very moment. Try again.', { retryAfterS: 1 });
    sealedValues.set(key, known);
    return known;
  }

  return async ({ tenantId, agentId, tokenVersion }, { credentialId, ttlMs }) => {
    const leaseId = makeId('lease', randomBytes(16));
    const { result, head } = await store.ledger.commit(
      {
        tenant: { id: tenantId },
        agent: { id: agentId },
        credential: { id: credentialId },
        grant: 'pair',
        lock: 'share',
        turn: { of: agentId, weight: 1 },
      },
      (facts, now) => written(decideIssue(facts, { agentId, tokenVersion, credentialId, leaseId, ttlMs }, now)),
    );
    if (result.kind === 'deny' || head === undefined) throw denied(result.kind === 'deny' ? result.reason : 'no_grant');
    const { lease } = result;
    const value = await vault.open(await sealedValue(lease.credentialId, lease.version));
    return {
      leaseId,
      grantId: lease.grantId,
      version: lease.version,
      ttlMs: result.ttlMs,
      epoch: head.epoch,
      issuedAtSeq: lease.issuedAtSeq,
      limits: result.limits,
      value,
    };
  };
}

/** A decision as the ledger wants it: a denial writes its audit row alone. */
export function written<D extends RenewDecision>(decision: D): Decision<D> {
  return {
    changes: decision.kind === 'issue' ? [{ put: 'lease', row: decision.lease }] : [],
    revocations: [],
    audit: decision.audit === undefined ? [] : [decision.audit],
    result: decision,
  };
}
