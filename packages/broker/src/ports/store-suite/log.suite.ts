import { describe, expect, test } from 'vitest';
import { row } from './rows.suite.ts';
import type { Stage } from './stage.suite.ts';

export function describeLog(stage: () => Stage): void {
  test('what was announced to sidecars is kept until something else is', async () => {
    const { announced } = stage().store;
    expect(await announced.maxStalenessMs()).toBe(0);
    await announced.keepMaxStaleness(30_000);
    expect(await announced.maxStalenessMs()).toBe(30_000);
  });

  describe('the revocation log', () => {
    test('gives every tenant its own seqs, gap-free and in commit order', async () => {
      const { store, revoke } = stage();
      const heads = await Promise.all(
        Array.from({ length: 600 }, (_, index) =>
          revoke(index % 2 === 0 ? 't1' : 't2', { scope: 'agent', ids: [`a${index}`], reason: 'revoked' }),
        ),
      );
      const counted = Array.from({ length: 300 }, (_, index) => index + 1);
      for (const [offset, tenantId] of ['t1', 't2'].entries()) {
        expect(heads.filter((_, index) => index % 2 === offset).map(({ head }) => head?.seq)).toEqual(counted);
        const log = await store.log.after(tenantId, { epoch: 'epoch', seq: 0 }, 1_000);
        expect(log.map(({ seq }) => seq)).toEqual(counted);
        expect(log.map(({ ids }) => ids)).toEqual(counted.map((seq) => [`a${(seq - 1) * 2 + offset}`]));
      }
    });

    test('is read from a seq on, in order, at most so many rows', async () => {
      const { store, clock, revoke } = stage();
      clock.now = 5_000;
      for (const id of ['x', 'y', 'z']) await revoke('t1', { scope: 'grant', ids: [id, 'other'], reason: 'narrowed' });
      expect(await store.log.after('t1', { epoch: 'epoch', seq: 1 }, 1)).toEqual([
        { seq: 2, scope: 'grant', ids: ['y', 'other'], reason: 'narrowed', at: 5_000 },
      ]);
      expect((await store.log.after('t1', { epoch: 'epoch', seq: 1 }, 10)).map(({ seq }) => seq)).toEqual([2, 3]);
      expect(await store.log.after('t1', { epoch: 'epoch', seq: 3 }, 10)).toEqual([]);
      // Another log's events would be taken for those that are missing.
      expect(await store.log.after('t1', { epoch: 'of a database before', seq: 1 }, 10)).toEqual([]);
    });

    test('heads know every commit that was answered before they were asked for, and leave missing tenants out', async () => {
      const { store, revoke } = stage();
      for (const seq of [1, 2, 3]) {
        await revoke('t1', { scope: 'agent', ids: ['a1'], reason: 'revoked' });
        expect([...(await store.log.heads(['t1', 't2', 'nowhere']))]).toEqual([
          ['t1', { epoch: 'epoch', seq }],
          ['t2', { epoch: 'epoch', seq: 0 }],
        ]);
      }
      expect(await store.log.heads([])).toEqual(new Map());
    });

    test('a revocation sets the cut mark of what it names, or ends the lease; a put moves neither back', async () => {
      const { clock, put, revoke, find } = stage();
      clock.now = 5_000;
      await put('t1', { put: 'lease', row: row.lease('l1') }, { put: 'agent', row: row.agent('a2') });
      await revoke(
        't1',
        { scope: 'tenant', ids: ['t1'], reason: 'suspended' },
        { scope: 'agent', ids: ['a1', 'a2'], reason: 'suspended' },
        { scope: 'credential', ids: ['c1'], reason: 'rotated' },
        { scope: 'grant', ids: ['g1'], reason: 'narrowed' },
        { scope: 'lease', ids: ['l1'], reason: 'revoked' },
      );
      await put(
        't1',
        { put: 'tenant', row: row.tenant('t1', { cutSeq: 0 }) },
        { put: 'agent', row: row.agent('a1', 't1', { cutSeq: 0 }) },
        { put: 'credential', row: row.credential('c1', 't1', { cutSeq: 99 }) },
        { put: 'grant', row: row.grant('g1', 'a1', 'c1', 't1', { cutSeq: 99 }) },
      );
      const { tenant, agent, credential, grant, lease, head } = await find({ tenant: { id: 't1' }, lease: { id: 'l1' } });
      expect([tenant?.cutSeq, agent?.cutSeq, credential?.cutSeq, grant?.cutSeq]).toEqual([1, 2, 3, 4]);
      expect((await find({ tenant: { id: 't1' }, agent: { id: 'a2' } })).agent?.cutSeq).toBe(2);
      expect(lease?.ended).toEqual({ how: 'revoked', at: 5_000 });
      expect(head?.seq).toBe(5);
    });

    test('INV-14: a revocation cuts nothing of another tenant', async () => {
      const { put, revoke, find } = stage();
      await put('t1', { put: 'lease', row: row.lease('l1') });
      await revoke(
        't2',
        { scope: 'tenant', ids: ['t1'], reason: 'suspended' },
        { scope: 'agent', ids: ['a1'], reason: 'suspended' },
        { scope: 'credential', ids: ['c1'], reason: 'rotated' },
        { scope: 'grant', ids: ['g1'], reason: 'narrowed' },
        { scope: 'lease', ids: ['l1'], reason: 'revoked' },
      );
      const { tenant, agent, credential, grant, lease, head } = await find({ tenant: { id: 't1' }, lease: { id: 'l1' } });
      expect([tenant?.cutSeq, agent?.cutSeq, credential?.cutSeq, grant?.cutSeq, lease?.ended, head?.seq]).toEqual([
        0,
        0,
        0,
        0,
        undefined,
        0,
      ]);
    });

    test('the revision moves with every tenant, agent, credential and grant, and names the agents whose routes may have changed', async () => {
      const { store, put, revoke } = stage();
      await put(
        't1',
        { put: 'agent', row: row.agent('a2') },
        { put: 'credential', row: row.credential('c2') },
        { put: 'grant', row: row.grant('g2', 'a2', 'c2') },
      );
      await put('t2', { put: 'agent', row: row.agent('b1', 't2') });
      const changedBy = async (work: () => Promise<unknown>) => {
        const before = await store.log.revision();
        await work();
        const { revision, agentIds } = await store.log.agentsChangedAfter(before);
        expect(revision).toBe(await store.log.revision());
        expect(revision > before).toBe(agentIds.length > 0);
        expect(await store.log.agentsChangedAfter(revision)).toEqual({ revision, agentIds: [] });
        return agentIds.toSorted();
      };
      expect(await changedBy(() => put('t1', { put: 'credential', row: row.credential('c2', 't1', { status: 'suspended' }) }))).toEqual([
        'a2',
      ]);
      expect(await changedBy(() => put('t1', { put: 'grant', row: row.grant('g1', 'a1', 'c1', 't1', { ttlMs: 1 }) }))).toEqual(['a1']);
      expect(await changedBy(() => put('t1', { put: 'grant', row: row.grant('g1', 'a1', 'c1', 't1', { status: 'revoked' }) }))).toEqual([
        'a1',
      ]);
      expect(await changedBy(() => put('t1', { put: 'agent', row: row.agent('a3') }))).toEqual(['a3']);
      expect(await changedBy(() => revoke('t1', { scope: 'agent', ids: ['a2'], reason: 'killed' }))).toEqual(['a2']);
      const suspend = () =>
        put('t1', { put: 'tenant', row: row.tenant('t1', { status: 'suspended' }) }, { put: 'agent', row: row.agent('a2') });
      expect(await changedBy(suspend)).toEqual(['a1', 'a2', 'a3']);
      expect(await changedBy(() => put('t1', { put: 'lease', row: row.lease('l1') }))).toEqual([]);
      expect(await changedBy(() => put('t1', { put: 'tenant', row: row.tenant('t1', { agentsDiscoverNames: true }) }))).toHaveLength(3);
      // A name that may be discovered concerns everybody.
      expect(await changedBy(() => put('t1', { put: 'credential', row: row.credential('c9') }))).toEqual(['a1', 'a2', 'a3']);
      const before = await store.log.revision();
      await put('t2', { put: 'credential', row: row.credential('c8', 't2') });
      expect((await store.log.agentsChangedAfter(before)).agentIds).toEqual([]);
    });
  });
}
