import { AppError } from '@leasehold/core';
import { describe, expect, test } from 'vitest';
import { row } from './rows.suite.ts';
import { everything, type Stage } from './stage.suite.ts';

const nothing = { changes: [], revocations: [], audit: [], result: undefined } as const;

export function describeCommits(stage: () => Stage): void {
  describe('a commit', () => {
    test('hands the facts and the clock to decide, and gives back its result, the head and the time', async () => {
      const { store, clock, revoke } = stage();
      await revoke('t1', { scope: 'agent', ids: ['a1'], reason: 'revoked' });
      clock.now = 4_321;
      const committed = await store.ledger.commit(
        { tenant: { id: 't1' }, agent: { name: 'a1' }, lock: 'share' },
        ({ agent, head }, now) => ({
          ...nothing,
          result: [agent?.id, head?.seq, now],
        }),
      );
      expect(committed).toEqual({ result: ['a1', 1, 4_321], head: { epoch: 'epoch', seq: 1 }, at: 4_321 });
    });

    test('answers with the head after its own revocations, while decide saw the one before', async () => {
      const { result, head } = await stage().store.ledger.commit({ tenant: { id: 't1' }, lock: 'update' }, (facts) => ({
        ...nothing,
        revocations: [
          { scope: 'agent', ids: ['a1'], reason: 'revoked' },
          { scope: 'grant', ids: ['g1'], reason: 'revoked' },
        ],
        result: facts.head?.seq,
      }));
      expect([result, head?.seq]).toEqual([0, 2]);
    });

    test('of a new tenant keeps its record in that tenant’s own trail', async () => {
      const { store } = stage();
      const { head } = await store.ledger.commit({ tenant: undefined, lock: 'update' }, () => ({
        ...nothing,
        changes: [{ put: 'tenant', row: row.tenant('t3') }],
        audit: [row.event()],
      }));
      expect(head).toEqual({ epoch: 'epoch', seq: 0 });
      expect((await store.audit.rows('t3', 0, 10)).map(({ tenantId, seq }) => [tenantId, seq])).toEqual([['t3', 1]]);
    });

    test('INV-13: whose record has no tenant to stand under is refused, not half kept', async () => {
      const { store, find } = stage();
      const orphan = store.ledger.commit({ tenant: { id: 'nowhere' }, lock: 'update' }, () => ({
        ...nothing,
        changes: [{ put: 'agent', row: row.agent('a2') }],
        audit: [row.event()],
      }));
      await expect(orphan).rejects.toMatchObject({ code: 'internal' });
      expect((await find({ tenant: { id: 't1' }, agent: { id: 'a2' } })).agent).toBeUndefined();
    });

    test('with a taken name is already_exists: tenants, agents, credentials, and the active grant of a pair', async () => {
      const { put } = stage();
      for (const clash of [
        put('t1', { put: 'tenant', row: row.tenant('t9', { name: 't2' }) }),
        put('t1', { put: 'agent', row: row.agent('a9', 't1', { name: 'a1' }) }),
        put('t1', { put: 'credential', row: row.credential('c9', 't1', { name: 'c1' }) }),
        put('t1', { put: 'grant', row: row.grant('g9', 'a1', 'c1') }),
      ])
        await expect(clash).rejects.toMatchObject({ name: 'AppError', code: 'already_exists' });
      await put(
        't2',
        { put: 'agent', row: row.agent('a9', 't2', { name: 'a1' }) },
        { put: 'credential', row: row.credential('c9', 't2', { name: 'c1' }) },
      );
    });

    test('that fails leaves nothing: no row, no seq, no revision, no link in the trail', async () => {
      const { store, find, revoke, audit } = stage();
      const before = await store.log.revision();
      const failing = store.ledger.commit({ tenant: { id: 't1' }, lock: 'update' }, () => ({
        ...nothing,
        changes: [
          { put: 'credential', row: row.credential('c1', 't1', { version: 2 }) },
          { put: 'agent', row: row.agent('a9', 't1', { name: 'a1' }) },
        ],
        revocations: [{ scope: 'credential', ids: ['c1'], reason: 'rotated' }],
        audit: [row.event()],
      }));
      await Promise.all([
        expect(failing).rejects.toMatchObject({ code: 'already_exists' }),
        revoke('t1', { scope: 'agent', ids: ['a1'], reason: 'revoked' }),
        audit('t1', 'l1'),
      ]);
      const { credential, head } = await find({ tenant: { id: 't1' }, credential: { id: 'c1' } });
      expect([credential?.version, credential?.cutSeq, head?.seq]).toEqual([1, 0, 1]);
      expect((await store.log.after('t1', { epoch: 'epoch', seq: 0 }, 10)).map(({ seq, scope }) => [seq, scope])).toEqual([[1, 'agent']]);
      expect((await store.audit.rows('t1', 0, 10)).map(({ seq }) => seq)).toEqual([1]);
      expect(await store.log.revision()).toBe(before + 1);
    });

    test('whose decide throws writes nothing, and the error comes out unchanged', async () => {
      const { store, put } = stage();
      for (const thrown of [new Error('mine'), new AppError('no_grant', 'no'), 'a word']) {
        const failing = store.ledger.commit({ tenant: { id: 't1' }, lock: 'share' }, () => {
          throw thrown;
        });
        const [refused, other] = await Promise.allSettled([failing, put('t1', { put: 'lease', row: row.lease('l1') })]);
        expect(refused).toEqual({ status: 'rejected', reason: thrown });
        expect(other.status).toBe('fulfilled');
      }
    });

    test('that fails takes no other of the same moment with it', async () => {
      const { store, put } = stage();
      const outcomes = await Promise.allSettled([
        put('t1', { put: 'agent', row: row.agent('a2') }),
        put('t1', { put: 'agent', row: row.agent('a3', 't1', { name: 'a1' }) }),
        put('t1', { put: 'agent', row: row.agent('a4') }),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect((await store.listings.agents('t1', everything)).items.map(({ id }) => id)).toEqual(['a1', 'a2', 'a4']);
    });

    test('sees what a commit before it wrote, also in the same moment', async () => {
      const { store, put } = stage();
      const [, seen] = await Promise.all([
        put('t1', { put: 'credential', row: row.credential('c1', 't1', { version: 2 }) }),
        store.ledger.commit({ tenant: { id: 't1' }, credential: { id: 'c1' }, lock: 'share' }, ({ credential }) => ({
          ...nothing,
          result: credential?.version,
        })),
      ]);
      expect(seen.result).toBe(2);
    });

    test('never knows of a head without knowing what the revocations up to it did', async () => {
      const { store, revoke } = stage();
      const look = () =>
        store.ledger.commit({ tenant: { id: 't1' }, credential: { id: 'c1' }, lock: 'share' }, ({ head, credential }) => ({
          ...nothing,
          result: { head: head?.seq ?? -1, cut: credential?.cutSeq ?? -1 },
        }));
      const looks = await Promise.all(
        Array.from({ length: 40 }, async () => {
          const [, { result }] = await Promise.all([revoke('t1', { scope: 'credential', ids: ['c1'], reason: 'rotated' }), look()]);
          return result;
        }),
      );
      for (const { head, cut } of looks) expect(cut).toBeGreaterThanOrEqual(head);
    });

    test('is one of a thousand asked for at once: all are answered, each with its own', async () => {
      const { store } = stage();
      const results = await Promise.all(
        Array.from({ length: 1_000 }, (_, index) =>
          store.ledger.commit({ tenant: { id: 't1' }, lock: 'share' }, () => ({
            ...nothing,
            audit: [row.event(`l${index}`)],
            result: index,
          })),
        ),
      );
      expect(results.map(({ result }) => result)).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
      expect((await store.audit.rows('t1', 0, 2_000)).map(({ event }) => event.leaseId)).toEqual(results.map((_, index) => `l${index}`));
    });
  });
}
