import { describe, expect, test } from 'vitest';
import { chainHash, genesisHash } from '../../domain/audit-chain.ts';
import { row } from './rows.suite.ts';
import { type Stage, sha256, suiteMac } from './stage.suite.ts';

const unwritable: Readonly<Record<string, string>> = {
  get word(): string {
    throw new Error('this row can not be written');
  },
};

export function describeAuditTrail(stage: () => Stage): void {
  describe('the audit trail', () => {
    test('INV-13: links every row of a tenant to the one before it, and signs the last', async () => {
      const { store, clock, audit } = stage();
      clock.now = 7_000;
      // A trail begins with the making of its tenant.
      for (const [id, leaseId] of [
        ['t3', 'l1'],
        ['t4', 'm1'],
      ] as const)
        await store.ledger.commit({ tenant: undefined, lock: 'update' }, () => ({
          changes: [{ put: 'tenant', row: row.tenant(id) }],
          revocations: [],
          audit: [row.event(leaseId)],
          result: undefined,
        }));
      await Promise.all([audit('t3', 'l2'), audit('t4', 'm2'), audit('t3', 'l3')]);
      await audit('t3', 'l4');
      for (const [tenantId, leaseIds] of [
        ['t3', ['l1', 'l2', 'l3', 'l4']],
        ['t4', ['m1', 'm2']],
      ] as const) {
        let hash = genesisHash;
        const expected = leaseIds.map((leaseId, index) => {
          const linked = { tenantId, seq: index + 1, at: 7_000, event: row.event(leaseId) };
          hash = chainHash(sha256, hash, linked);
          return { ...linked, hash };
        });
        expect(await store.audit.rows(tenantId, 0, 10)).toEqual(expected);
        const seq = leaseIds.length;
        expect(await store.audit.head(tenantId)).toEqual({ seq, hash, mac: suiteMac(tenantId, seq, hash) });
      }
    });

    test('goes on over a commit that failed as if it had never been', async () => {
      const { store, audit } = stage();
      // Its own second row is what can't be written: the first one is linked by then.
      const failing = store.ledger.commit({ tenant: { id: 't1' }, lock: 'update' }, () => ({
        changes: [],
        revocations: [],
        audit: [row.event('lost'), { ...row.event(), detail: unwritable }],
        result: undefined,
      }));
      await Promise.allSettled([audit('t1', 'l1'), failing, audit('t1', 'l2')]);
      const rows = await store.audit.rows('t1', 0, 10);
      expect(rows.map(({ seq, event }) => [seq, event.leaseId])).toEqual([
        [1, 'l1'],
        [2, 'l2'],
      ]);
      const hash = rows.reduce((previous, each) => chainHash(sha256, previous, each), genesisHash);
      expect((await store.audit.head('t1'))?.hash).toEqual(hash);
    });

    test('is read from a seq on, or from its end, oldest first, at most so many rows', async () => {
      const { store, audit } = stage();
      await audit('t1', 'l1', 'l2', 'l3', 'l4');
      const seqs = (rows: readonly { readonly seq: number }[]) => rows.map(({ seq }) => seq);
      expect(seqs(await store.audit.rows('t1', 1, 2))).toEqual([2, 3]);
      expect(seqs(await store.audit.newest('t1', 2))).toEqual([3, 4]);
      expect(seqs(await store.audit.newest('t2', 2))).toEqual([]);
    });

    test('of a tenant without rows ends before the first one; a missing tenant has no trail', async () => {
      const { store } = stage();
      expect(await store.audit.head('t2')).toMatchObject({ seq: 0, hash: genesisHash });
      expect(await store.audit.head('nowhere')).toBeUndefined();
    });
  });
}
