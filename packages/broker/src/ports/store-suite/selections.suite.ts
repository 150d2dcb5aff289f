import { describe, expect, test } from 'vitest';
import { row } from './rows.suite.ts';
import type { Stage } from './stage.suite.ts';

export function describeSelections(stage: () => Stage): void {
  describe('what a selection names', () => {
    test('is found as it was put, by id and by name', async () => {
      const { find } = stage();
      for (const [tenant, agent, credential] of [
        [{ id: 't1' }, { id: 'a1' }, { id: 'c1' }],
        [{ name: 't1' }, { name: 'a1' }, { name: 'c1' }],
      ] as const) {
        expect(await find({ tenant, agent, credential, grant: 'pair' })).toEqual({
          head: { epoch: 'epoch', seq: 0 },
          tenant: row.tenant('t1'),
          agent: row.agent('a1'),
          credential: row.credential('c1'),
          grant: row.grant('g1', 'a1', 'c1'),
          lease: undefined,
          lastUseBatch: undefined,
        });
      }
    });

    test('keeps what was left open: no placeholder, no end, no rate, other injections', async () => {
      const { find, put } = stage();
      const credential = row.credential('c2', 't1', {
        placeholder: undefined,
        environment: [],
        service: undefined,
        injection: { kind: 'placeholder', in: ['path', 'body'] },
        destinations: [],
      });
      const grant = row.grant('g2', 'a1', 'c2', 't1', {
        notAfter: undefined,
        limits: { methods: [], pathPrefixes: [], ratePerMinute: undefined },
      });
      await put('t1', { put: 'credential', row: credential }, { put: 'grant', row: grant });
      const facts = await find({ tenant: { id: 't1' }, grant: { id: 'g2' } });
      expect(facts.credential).toEqual(credential);
      expect(facts.grant).toEqual(grant);
    });

    test('and no more: what was not asked for is not there', async () => {
      const facts = await stage().find({ tenant: { id: 't1' } });
      expect([facts.agent, facts.credential, facts.grant, facts.lease]).toEqual([undefined, undefined, undefined, undefined]);
      expect(await stage().find({ tenant: undefined })).toMatchObject({ head: undefined, tenant: undefined });
    });

    test('a lease loads its grant, credential and agent; a grant by id loads its credential and agent', async () => {
      const { find, put } = stage();
      await put('t1', { put: 'lease', row: row.lease('l1') });
      const byLease = await find({ tenant: { id: 't1' }, lease: { id: 'l1' } });
      expect(byLease.lease).toEqual(row.lease('l1'));
      expect([byLease.grant?.id, byLease.credential?.id, byLease.agent?.id]).toEqual(['g1', 'c1', 'a1']);
      const byGrant = await find({ tenant: { id: 't1' }, grant: { id: 'g1' } });
      expect([byGrant.grant?.id, byGrant.credential?.id, byGrant.agent?.id]).toEqual(['g1', 'c1', 'a1']);
    });

    test('a pair names its active grant; a revoked one is found by id alone, and leaves its place to a new one', async () => {
      const { find, put } = stage();
      const pair = { tenant: { id: 't1' }, agent: { id: 'a1' }, credential: { id: 'c1' }, grant: 'pair' } as const;
      await put('t1', { put: 'grant', row: row.grant('g1', 'a1', 'c1', 't1', { status: 'revoked' }) });
      expect((await find(pair)).grant).toBeUndefined();
      expect((await find({ tenant: { id: 't1' }, grant: { id: 'g1' } })).grant?.status).toBe('revoked');
      await put('t1', { put: 'grant', row: row.grant('g2', 'a1', 'c1') });
      expect((await find(pair)).grant?.id).toBe('g2');
    });

    test('INV-14: a foreign id or name is a missing one', async () => {
      const { find, put } = stage();
      await put('t1', { put: 'lease', row: row.lease('l1') });
      for (const key of ['id', 'name'] as const) {
        const agent = key === 'id' ? { id: 'a1' } : { name: 'a1' };
        const credential = key === 'id' ? { id: 'c1' } : { name: 'c1' };
        const foreign = await find({ tenant: { id: 't2' }, agent, credential, grant: 'pair' });
        expect(foreign).toMatchObject({ agent: undefined, credential: undefined, grant: undefined });
      }
      expect(await find({ tenant: { id: 't2' }, grant: { id: 'g1' } })).toEqual(
        await find({ tenant: { id: 't2' }, grant: { id: 'none' } }),
      );
      expect(await find({ tenant: { id: 't2' }, lease: { id: 'l1' } })).toEqual(
        await find({ tenant: { id: 't2' }, lease: { id: 'none' } }),
      );
      expect((await find({ tenant: { id: 'nowhere' }, agent: { id: 'a1' } })).agent).toBeUndefined();
    });

    test('deleted rows are found by id only, and leave their name to others', async () => {
      const { find, put } = stage();
      await put(
        't1',
        { put: 'credential', row: row.credential('c1', 't1', { status: 'deleted' }) },
        { put: 'agent', row: row.agent('a1', 't1', { status: 'deleted' }) },
      );
      const byName = await find({ tenant: { id: 't1' }, credential: { name: 'c1' }, agent: { name: 'a1' } });
      expect([byName.credential, byName.agent]).toEqual([undefined, undefined]);
      const byId = await find({ tenant: { id: 't1' }, credential: { id: 'c1' }, agent: { id: 'a1' } });
      expect([byId.credential?.status, byId.agent?.status]).toEqual(['deleted', 'deleted']);
      await put(
        't1',
        { put: 'credential', row: row.credential('c9', 't1', { name: 'c1' }) },
        { put: 'agent', row: row.agent('a9', 't1', { name: 'a1' }) },
      );
      const heirs = await find({ tenant: { id: 't1' }, credential: { name: 'c1' }, agent: { name: 'a1' } });
      expect([heirs.credential?.id, heirs.agent?.id]).toEqual(['c9', 'a9']);
    });

    test('the highest use batch is remembered by instance', async () => {
      const { find, put } = stage();
      await put('t1', { put: 'use-batch', instanceId: 'i', batchSeq: 7 });
      await put('t1', { put: 'use-batch', instanceId: 'i', batchSeq: 8 });
      expect((await find({ tenant: { id: 't1' }, useBatchesOf: 'i' })).lastUseBatch).toBe(8);
      expect((await find({ tenant: { id: 't1' }, useBatchesOf: 'other' })).lastUseBatch).toBeUndefined();
    });
  });
}
