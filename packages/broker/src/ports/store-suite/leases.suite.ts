import { describe, expect, test } from 'vitest';
import { row } from './rows.suite.ts';
import { everything, type Stage } from './stage.suite.ts';

export function describeLeases(stage: () => Stage): void {
  describe('leases', () => {
    const leaseOf = async (id: string) => (await stage().find({ tenant: { id: 't1' }, lease: { id } })).lease;

    test('a renewal moves the end and the count, and nothing that was read when the lease was issued', async () => {
      const { put } = stage();
      await put('t1', { put: 'lease', row: row.lease('l1') });
      await put('t1', { put: 'lease', row: row.lease('l1', { expiresAt: 3_000, renewals: 1 }) });
      expect(await leaseOf('l1')).toEqual(row.lease('l1', { expiresAt: 3_000, renewals: 1 }));
    });

    test('a released lease stays released, whatever is revoked afterwards', async () => {
      const { put, revoke } = stage();
      await put('t1', { put: 'lease', row: row.lease('l1', { ended: { how: 'released', at: 1_500 } }) });
      await revoke('t1', { scope: 'lease', ids: ['l1'], reason: 'revoked' });
      expect((await leaseOf('l1'))?.ended).toEqual({ how: 'released', at: 1_500 });
    });

    test.each([
      ['a tenant that is suspended', (at: Stage) => at.put('t1', { put: 'tenant', row: row.tenant('t1', { status: 'suspended' }) })],
      ['an agent that is suspended', (at: Stage) => at.put('t1', { put: 'agent', row: row.agent('a1', 't1', { status: 'suspended' }) })],
      [
        'a credential that is deleted',
        (at: Stage) => at.put('t1', { put: 'credential', row: row.credential('c1', 't1', { status: 'deleted' }) }),
      ],
      [
        'a credential of another version',
        (at: Stage) => at.put('t1', { put: 'credential', row: row.credential('c1', 't1', { version: 2 }) }),
      ],
      [
        'a grant that is revoked',
        (at: Stage) => at.put('t1', { put: 'grant', row: row.grant('g1', 'a1', 'c1', 't1', { status: 'revoked' }) }),
      ],
      ['a grant that ran out', (at: Stage) => at.put('t1', { put: 'grant', row: row.grant('g1', 'a1', 'c1', 't1', { notAfter: 1_000 }) })],
      ['a cut of its tenant', (at: Stage) => at.revoke('t1', { scope: 'tenant', ids: ['t1'], reason: 'killed' })],
      ['a cut of its agent', (at: Stage) => at.revoke('t1', { scope: 'agent', ids: ['a1'], reason: 'revoked' })],
      ['a cut of its credential', (at: Stage) => at.revoke('t1', { scope: 'credential', ids: ['c1'], reason: 'revoked' })],
      ['a cut of its grant', (at: Stage) => at.revoke('t1', { scope: 'grant', ids: ['g1'], reason: 'revoked' })],
    ])('%s: a lease below it counts as live no more, and as unexpired until its time is over', async (_, change) => {
      const at = stage();
      at.clock.now = 1_500;
      await at.put('t1', { put: 'lease', row: row.lease('l1') });
      expect((await at.store.listings.counts()).liveLeases).toBe(1);
      await change(at);
      expect([(await at.store.listings.counts()).liveLeases, await at.store.listings.unexpiredLeases()]).toEqual([0, 1]);
    });

    test('sweeping marks leases whose time has passed, at most so many, and no others', async () => {
      const { store, clock, put } = stage();
      clock.now = 2_000;
      await put(
        't1',
        { put: 'lease', row: row.lease('l1') },
        { put: 'lease', row: row.lease('l2') },
        { put: 'lease', row: row.lease('l3', { expiresAt: 2_001 }) },
        { put: 'lease', row: row.lease('l4', { ended: { how: 'released', at: 1_500 } }) },
      );
      expect(await store.listings.counts()).toEqual({ tenants: 2, liveLeases: 1, now: 2_000 });
      expect([await store.listings.unexpiredLeases(), await store.listings.tenantCount()]).toEqual([1, 2]);
      const { sweepExpired } = store.ledger;
      expect([await sweepExpired(1), await sweepExpired(10), await sweepExpired(10)]).toEqual([1, 1, 0]);
      expect((await leaseOf('l1'))?.ended).toEqual({ how: 'expired', at: 2_000 });
      expect((await leaseOf('l3'))?.ended).toBeUndefined();
      expect((await leaseOf('l4'))?.ended?.how).toBe('released');
      expect((await store.listings.leases('t1', everything, true)).items.map(({ lease }) => lease.id)).toEqual(['l3']);
    });
  });
}
