import { AppError } from '@leasehold/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Agent } from '../domain/agent.ts';
import type { NewAuditEvent } from '../domain/audit-event.ts';
import type { Credential } from '../domain/credential.ts';
import type { Grant } from '../domain/grant.ts';
import type { Lease } from '../domain/lease.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { Change, NewRevocation, Store } from './store.ts';

export interface OpenedStore {
  readonly store: Store;
  /** Moves the store's clock. */
  readonly clock: { now: number };
}

const row = {
  tenant: (id: string, more: Partial<Tenant> = {}): Tenant => ({ id, name: id, status: 'active', cutSeq: 0, createdAt: 1, ...more }),
  agent: (id: string, tenantId = 't1', more: Partial<Agent> = {}): Agent => ({
    id,
    tenantId,
    name: id,
    status: 'active',
    tokenHash: new TextEncoder().encode(`hash of ${id}`),
    tokenVersion: 1,
    cutSeq: 0,
    createdAt: 1,
    ...more,
  }),
  credential: (id: string, tenantId = 't1', more: Partial<Credential> = {}): Credential => ({
    id,
    tenantId,
    name: id,
    type: 'api_key',
    status: 'active',
    version: 1,
    destinations: [
      {
        scheme: 'https',
        hostPattern: 'api.example.com',
        port: 443,
        methods: ['GET'],
        pathPrefixes: ['/v1'],
        caPem: undefined,
        privateCidrs: [],
      },
    ],
    injection: { kind: 'header', name: 'Authorization', template: 'Bearer {value}' },
    placeholder: undefined,
    maxTtlMs: 60_000,
    cutSeq: 0,
    createdAt: 1,
    updatedAt: 1,
    ...more,
  }),
  grant: (id: string, agentId: string, credentialId: string, tenantId = 't1', more: Partial<Grant> = {}): Grant => ({
    id,
    tenantId,
    agentId,
    credentialId,
    status: 'active',
    ttlMs: 60_000,
    notAfter: undefined,
    limits: { methods: [], pathPrefixes: ['/v1'], ratePerMinute: 60 },
    cutSeq: 0,
    createdAt: 1,
    ...more,
  }),
  lease: (id: string, more: Partial<Lease> = {}): Lease => ({
    id,
    tenantId: 't1',
    agentId: 'a1',
    credentialId: 'c1',
    grantId: 'g1',
    version: 1,
    issuedAtSeq: 0,
    issuedAt: 1_000,
    expiresAt: 2_000,
    renewals: 0,
    ended: undefined,
    ...more,
  }),
};

const event: NewAuditEvent = {
  actor: { kind: 'system', id: 'suite' },
  action: 'lease.issued',
  outcome: 'allowed',
  detail: { b: 2, a: 'one' },
};
const page = { limit: 100, after: undefined };

/** What every store must do, sentence by sentence of `store.ts`. */
export function describeStore(name: string, open: () => Promise<OpenedStore>): void {
  describe(name, () => {
    let store: Store;
    let clock: { now: number };

    beforeEach(async () => {
      ({ store, clock } = await open());
      for (const id of ['t1', 't2'])
        await store.ledger.commit({ tenant: undefined, lock: 'update' }, () => plain([{ put: 'tenant', row: row.tenant(id) }]));
      await put(
        't1',
        { put: 'agent', row: row.agent('a1') },
        { put: 'credential', row: row.credential('c1') },
        { put: 'grant', row: row.grant('g1', 'a1', 'c1') },
      );
    });
    afterEach(() => store.close());

    const put = (tenant: string, ...changes: Change[]) =>
      store.ledger.commit({ tenant: { id: tenant }, lock: 'update' }, () => plain(changes));
    const revoke = (tenant: string, ...revocations: NewRevocation[]) =>
      store.ledger.commit({ tenant: { id: tenant }, lock: 'update' }, () => ({
        changes: [],
        revocations,
        audit: [event],
        result: undefined,
      }));
    const find = (selection: Parameters<Store['directory']['find']>[0]) => store.directory.find(selection);

    test('what was put is found as it was, by id and by name', async () => {
      for (const ref of [{ id: 'a1' }, { name: 'a1' }])
        expect((await find({ tenant: { name: 't1' }, agent: ref })).agent).toEqual(row.agent('a1'));
      const facts = await find({ tenant: { id: 't1' }, agent: { id: 'a1' }, credential: { name: 'c1' }, grant: 'pair' });
      expect(facts.credential).toEqual(row.credential('c1'));
      expect(facts.grant).toEqual(row.grant('g1', 'a1', 'c1'));
      expect(facts.head).toEqual({ epoch: expect.any(String), seq: 0 });
    });

    test('a lease loads its grant, credential and agent; a grant by id loads its agent and credential', async () => {
      await put('t1', { put: 'lease', row: row.lease('l1') });
      const byLease = await find({ tenant: { id: 't1' }, lease: { id: 'l1' } });
      expect([byLease.lease?.id, byLease.grant?.id, byLease.credential?.id, byLease.agent?.id]).toEqual(['l1', 'g1', 'c1', 'a1']);
      const byGrant = await find({ tenant: { id: 't1' }, grant: { id: 'g1' } });
      expect([byGrant.grant?.id, byGrant.credential?.id, byGrant.agent?.id]).toEqual(['g1', 'c1', 'a1']);
    });

    test('a foreign id is a missing one', async () => {
      await put('t1', { put: 'lease', row: row.lease('l1') });
      const foreign = await find({
        tenant: { id: 't2' },
        agent: { id: 'a1' },
        credential: { name: 'c1' },
        grant: { id: 'g1' },
        lease: { id: 'l1' },
      });
      expect([foreign.agent, foreign.credential, foreign.grant, foreign.lease]).toEqual([undefined, undefined, undefined, undefined]);
      expect(foreign.tenant?.id).toBe('t2');
      expect((await find({ tenant: { id: 'nowhere' }, agent: { id: 'a1' } })).agent).toBeUndefined();
    });

    test('deleted rows are found by id only, and leave their name to others', async () => {
      await put('t1', { put: 'credential', row: row.credential('c1', 't1', { status: 'deleted' }) });
      expect((await find({ tenant: { id: 't1' }, credential: { name: 'c1' } })).credential).toBeUndefined();
      expect((await find({ tenant: { id: 't1' }, credential: { id: 'c1' } })).credential?.status).toBe('deleted');
      await put('t1', { put: 'credential', row: row.credential('c9', 't1', { name: 'c1' }) });
      expect((await find({ tenant: { id: 't1' }, credential: { name: 'c1' } })).credential?.id).toBe('c9');
    });

    test('name clashes are already_exists, and nothing of the commit is kept', async () => {
      const clash = put('t1', { put: 'agent', row: row.agent('a7') }, { put: 'agent', row: row.agent('a8', 't1', { name: 'a1' }) });
      await expect(clash).rejects.toMatchObject({ code: 'already_exists' });
      expect((await find({ tenant: { id: 't1' }, agent: { id: 'a7' } })).agent).toBeUndefined();
      await put('t2', { put: 'agent', row: row.agent('a8', 't2', { name: 'a1' }) });
    });

    test('when decide throws, nothing is written and the error comes out unchanged', async () => {
      const boom = new Error('mine');
      const failing = store.ledger.commit({ tenant: { id: 't1' }, lock: 'update' }, () => {
        throw boom;
      });
      await expect(failing).rejects.toBe(boom);
      const denial = new AppError('no_grant', 'no');
      await expect(
        store.ledger.commit({ tenant: { id: 't1' }, lock: 'share' }, () => {
          throw denial;
        }),
      ).rejects.toBe(denial);
      expect(await store.audit.rows('t1', 0, 10)).toEqual([]);
    });

    test('commits asked for together: one that fails takes no other with it', async () => {
      const outcomes = await Promise.allSettled([
        put('t1', { put: 'agent', row: row.agent('a2') }),
        put('t1', { put: 'agent', row: row.agent('a3', 't1', { name: 'a1' }) }),
        put('t1', { put: 'agent', row: row.agent('a4') }),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect((await store.listings.agents('t1', page)).items.map(({ id }) => id)).toEqual(['a1', 'a2', 'a4']);
    });

    test('decide sees what an earlier commit of the same turn wrote', async () => {
      const seen = await Promise.all([
        put('t1', { put: 'credential', row: row.credential('c1', 't1', { version: 2 }) }),
        store.ledger.commit({ tenant: { id: 't1' }, credential: { id: 'c1' }, lock: 'share' }, ({ credential }) =>
          plain([], credential?.version),
        ),
      ]);
      expect(seen[1].result).toBe(2);
    });

    test('revocations take gap-free seqs per tenant in commit order, and head tells where the log stands', async () => {
      const heads = await Promise.all(
        Array.from({ length: 20 }, (_, index) => revoke(index % 2 === 0 ? 't1' : 't2', { scope: 'agent', ids: ['a1'], reason: 'revoked' })),
      );
      expect(heads.filter((_, index) => index % 2 === 0).map(({ head }) => head?.seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      const log = await store.log.after('t2', 3, 4);
      expect(log.map(({ seq }) => seq)).toEqual([4, 5, 6, 7]);
      const known = await store.log.heads(['t1', 't2', 'nowhere']);
      expect([...known].map(([id, { seq }]) => [id, seq])).toEqual([
        ['t1', 10],
        ['t2', 10],
      ]);
    });

    test('a revocation sets the cut mark of what it names, in its own tenant alone; a put never moves it', async () => {
      clock.now = 5_000;
      await put('t1', { put: 'lease', row: row.lease('l1') });
      await revoke('t2', { scope: 'credential', ids: ['c1'], reason: 'revoked' });
      expect((await find({ tenant: { id: 't1' }, credential: { id: 'c1' } })).credential?.cutSeq).toBe(0);
      await revoke(
        't1',
        { scope: 'tenant', ids: ['t1'], reason: 'suspended' },
        { scope: 'agent', ids: ['a1'], reason: 'suspended' },
        { scope: 'credential', ids: ['c1'], reason: 'rotated' },
        { scope: 'grant', ids: ['g1'], reason: 'narrowed' },
        { scope: 'lease', ids: ['l1'], reason: 'revoked' },
      );
      await put('t1', { put: 'credential', row: row.credential('c1', 't1', { cutSeq: 0, version: 2 }) });
      const { tenant, agent, credential, grant, lease, head } = await find({ tenant: { id: 't1' }, lease: { id: 'l1' } });
      expect([tenant?.cutSeq, agent?.cutSeq, credential?.cutSeq, grant?.cutSeq]).toEqual([1, 2, 3, 4]);
      expect(lease?.ended).toEqual({ how: 'revoked', at: 5_000 });
      expect(head?.seq).toBe(5);
      expect(await store.log.after('t1', 2, 1)).toEqual([{ seq: 3, scope: 'credential', ids: ['c1'], reason: 'rotated', at: 5_000 }]);
    });

    test('agentsChangedAfter names the agents whose tenant, grants or credentials changed, and nobody else', async () => {
      await put(
        't1',
        { put: 'agent', row: row.agent('a2') },
        { put: 'credential', row: row.credential('c2') },
        { put: 'grant', row: row.grant('g2', 'a2', 'c2') },
      );
      const changedBy = async (work: () => Promise<unknown>) => {
        const before = await store.log.revision();
        await work();
        const { revision, agentIds } = await store.log.agentsChangedAfter(before);
        expect(revision).toBeGreaterThanOrEqual(before);
        return [...agentIds].toSorted();
      };
      expect(await changedBy(() => put('t1', { put: 'credential', row: row.credential('c2', 't1', { status: 'suspended' }) }))).toEqual([
        'a2',
      ]);
      expect(await changedBy(() => put('t1', { put: 'grant', row: row.grant('g1', 'a1', 'c1', 't1', { ttlMs: 1 }) }))).toEqual(['a1']);
      expect(await changedBy(() => revoke('t1', { scope: 'agent', ids: ['a2'], reason: 'killed' }))).toEqual(['a2']);
      expect(await changedBy(() => put('t1', { put: 'tenant', row: row.tenant('t1', { status: 'suspended' }) }))).toEqual(['a1', 'a2']);
      expect(await changedBy(() => put('t1', { put: 'lease', row: row.lease('l1') }))).toEqual([]);
    });

    test('audit rows are chained per tenant, gap-free, and the head names the last', async () => {
      clock.now = 7_000;
      await Promise.all([revoke('t1'), revoke('t1'), revoke('t2')]);
      const rows = await store.audit.rows('t1', 0, 10);
      expect(rows.map(({ seq, at, event: kept }) => [seq, at, kept])).toEqual([
        [1, 7_000, event],
        [2, 7_000, event],
      ]);
      expect(rows[0]?.hash).not.toEqual(rows[1]?.hash);
      const head = await store.audit.head('t1');
      expect([head?.seq, head?.hash]).toEqual([2, rows[1]?.hash]);
      expect((await store.audit.newest('t1', 1)).map(({ seq }) => seq)).toEqual([2]);
      expect(await store.audit.rows('t1', 1, 10)).toHaveLength(1);
    });

    test('use batches are remembered by instance', async () => {
      await put('t1', { put: 'use-batch', instanceId: 'i', batchSeq: 7 });
      expect((await find({ tenant: { id: 't1' }, useBatchesOf: 'i' })).lastUseBatch).toBe(7);
      expect((await find({ tenant: { id: 't1' }, useBatchesOf: 'other' })).lastUseBatch).toBeUndefined();
    });

    test('values are kept by version and dropped when told, and count on their DEK', async () => {
      const dek = { id: 'd1', tenantId: 't1', generation: 1, kekId: 'k', wrapped: new Uint8Array([1]), encryptions: 0, createdAt: 1 };
      await store.keys.addDek(dek);
      const value = (version: number) => ({
        tenantId: 't1',
        credentialId: 'c1',
        version,
        dekId: 'd1',
        nonce: new Uint8Array([version]),
        ciphertext: new Uint8Array([9]),
      });
      await put('t1', { put: 'value', row: value(1) }, { put: 'value', row: value(2) });
      expect((await store.keys.dek('d1'))?.encryptions).toBe(2);
      await put('t1', { drop: 'values', credentialId: 'c1', below: 2 });
      expect(await store.directory.sealedValue('c1', 1)).toBeUndefined();
      expect([...((await store.directory.sealedValue('c1', 2))?.nonce ?? [])]).toEqual([2]);
      await put('t1', { drop: 'values', credentialId: 'c1', below: undefined });
      expect(await store.directory.sealedValue('c1', 2)).toBeUndefined();
    });

    test('a generation of data keys is made once, newest first; a broker key is set once', async () => {
      const dek = (id: string, generation: number) => ({
        id,
        tenantId: 't1',
        generation,
        kekId: 'k',
        wrapped: new Uint8Array([1]),
        encryptions: 0,
        createdAt: 1,
      });
      await store.keys.addDek(dek('d1', 1));
      await store.keys.addDek(dek('d2', 2));
      await expect(store.keys.addDek(dek('d3', 2))).rejects.toMatchObject({ code: 'conflict' });
      expect((await store.keys.deksOf('t1')).map(({ id }) => id)).toEqual(['d2', 'd1']);
      const first = await store.keys.brokerKey('session', async () => new Uint8Array([1]));
      const second = await store.keys.brokerKey('session', async () => new Uint8Array([2]));
      expect([[...first], [...second]]).toEqual([[1], [1]]);
    });

    test('tokens find who they belong to, unless deleted', async () => {
      const found = await store.directory.agentByTokenHash(row.agent('a1').tokenHash);
      expect([found?.tenant.id, found?.agent.id]).toEqual(['t1', 'a1']);
      await put('t1', { put: 'agent', row: row.agent('a1', 't1', { status: 'deleted' }) });
      expect(await store.directory.agentByTokenHash(row.agent('a1').tokenHash)).toBeUndefined();
      const operator = { id: 'o1', name: 'root', tenantId: undefined, tokenHash: new Uint8Array([5]), createdAt: 1 };
      await store.ledger.commit({ tenant: undefined, lock: 'update' }, () => plain([{ put: 'operator', row: operator }]));
      expect(await store.directory.operatorByTokenHash(new Uint8Array([5]))).toEqual(operator);
      expect(await store.directory.operatorByTokenHash(new Uint8Array([6]))).toBeUndefined();
    });

    test('the lineage of an agent holds its active grants on credentials that are not deleted', async () => {
      await put(
        't1',
        { put: 'credential', row: row.credential('c2', 't1', { status: 'suspended' }) },
        { put: 'credential', row: row.credential('c3', 't1', { status: 'deleted' }) },
      );
      await put('t1', { put: 'grant', row: row.grant('g2', 'a1', 'c2') }, { put: 'grant', row: row.grant('g3', 'a1', 'c3') });
      await put('t1', { put: 'grant', row: row.grant('g1', 'a1', 'c1', 't1', { status: 'revoked' }) });
      const lineage = await store.directory.lineageOf('a1');
      expect(lineage?.grants.map(({ grant, credential }) => [grant.id, credential.id])).toEqual([['g2', 'c2']]);
      expect(await store.directory.lineageOf('nobody')).toBeUndefined();
    });

    test('sweeping marks leases whose time has passed, at most so many, and no others', async () => {
      clock.now = 2_000;
      await put(
        't1',
        { put: 'lease', row: row.lease('l1') },
        { put: 'lease', row: row.lease('l2') },
        { put: 'lease', row: row.lease('l3', { expiresAt: 2_001 }) },
      );
      expect((await store.listings.counts()).liveLeases).toBe(1);
      expect([await store.ledger.sweepExpired(1), await store.ledger.sweepExpired(10), await store.ledger.sweepExpired(10)]).toEqual([
        1, 1, 0,
      ]);
      const { lease } = await find({ tenant: { id: 't1' }, lease: { id: 'l1' } });
      expect(lease?.ended).toEqual({ how: 'expired', at: 2_000 });
      expect((await store.listings.leases('t1', page, true)).items.map(({ lease: each }) => each.id)).toEqual(['l3']);
    });

    test('listings go by name, leases newest first, page by page, and stay in their tenant', async () => {
      for (const id of ['a3', 'a2']) await put('t1', { put: 'agent', row: row.agent(id) });
      await put('t2', { put: 'agent', row: row.agent('b1', 't2') });
      const first = await store.listings.agents('t1', { limit: 2, after: undefined });
      const second = await store.listings.agents('t1', { limit: 2, after: first.next });
      expect([first.items.map(({ id }) => id), second.items.map(({ id }) => id), second.next]).toEqual([['a1', 'a2'], ['a3'], undefined]);
      await put(
        't1',
        { put: 'lease', row: row.lease('l1', { issuedAt: 10 }) },
        { put: 'lease', row: row.lease('l2', { issuedAt: 30 }) },
        { put: 'lease', row: row.lease('l3', { issuedAt: 20 }) },
      );
      const newest = await store.listings.leases('t1', { limit: 2, after: undefined }, false);
      const rest = await store.listings.leases('t1', { limit: 2, after: newest.next }, false);
      expect([newest.items.map(({ lease }) => lease.id), rest.items.map(({ lease }) => lease.id)]).toEqual([['l2', 'l3'], ['l1']]);
      expect((await store.listings.leases('t2', page, false)).items).toEqual([]);
      expect(
        (await store.listings.grants('t1', page)).items.map(({ grant, agent, credential }) => [grant.id, agent.id, credential.id]),
      ).toEqual([['g1', 'a1', 'c1']]);
      expect((await store.listings.tenants(page)).items.map(({ id }) => id)).toEqual(['t1', 't2']);
    });
  });
}

function plain<T = undefined>(changes: readonly Change[], result?: T) {
  return { changes, revocations: [], audit: [], result };
}
