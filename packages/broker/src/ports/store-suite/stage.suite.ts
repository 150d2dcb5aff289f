import { createHash } from 'node:crypto';
import type { Facts } from '../../domain/facts.ts';
import type { Change, Committed, NewRevocation, Selection, Store } from '../store.ts';
import { row } from './rows.suite.ts';

export interface OpenedStore {
  readonly store: Store;
  /** Moves the store's clock. */
  readonly clock: { now: number };
}

export const sha256 = (bytes: Uint8Array): Uint8Array => Uint8Array.from(createHash('sha256').update(bytes).digest());

/** What every store of the suite signs heads with: no key, but all of its input. */
export const suiteMac = (tenantId: string, seq: number, hash: Uint8Array): Uint8Array =>
  sha256(new TextEncoder().encode(`${tenantId} ${seq} ${Buffer.from(hash).toString('hex')}`));

export const everything = { limit: 100, after: undefined } as const;

/** A store with tenants t1 and t2, and in t1 the agent a1 with the grant g1 on the credential c1. */
export interface Stage extends OpenedStore {
  put(tenantId: string, ...changes: readonly Change[]): Promise<Committed<undefined>>;
  revoke(tenantId: string, ...revocations: readonly NewRevocation[]): Promise<Committed<undefined>>;
  audit(tenantId: string, ...leaseIds: readonly string[]): Promise<Committed<undefined>>;
  find(selection: Omit<Selection, 'lock'>): Promise<Facts>;
}

export async function setStage({ store, clock }: OpenedStore): Promise<Stage> {
  const nothing = { changes: [], revocations: [], audit: [], result: undefined };
  const commit = (tenantId: string, part: Partial<typeof nothing> | object) =>
    store.ledger.commit<undefined>({ tenant: { id: tenantId }, lock: 'update' }, () => ({ ...nothing, ...part }));
  const stage: Stage = {
    store,
    clock,
    put: (tenantId, ...changes) => commit(tenantId, { changes }),
    revoke: (tenantId, ...revocations) => commit(tenantId, { revocations }),
    audit: (tenantId, ...leaseIds) => commit(tenantId, { audit: leaseIds.map((id) => row.event(id)) }),
    find: (selection) => store.directory.find(selection),
  };
  for (const id of ['t1', 't2'])
    await store.ledger.commit({ tenant: undefined, lock: 'update' }, () => ({
      ...nothing,
      changes: [{ put: 'tenant', row: row.tenant(id) }],
    }));
  await stage.put(
    't1',
    { put: 'agent', row: row.agent('a1') },
    { put: 'credential', row: row.credential('c1') },
    { put: 'grant', row: row.grant('g1', 'a1', 'c1') },
  );
  return stage;
}
