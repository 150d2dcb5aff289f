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
      const { sweepExpired } = store.ledger;
      expect([await sweepExpired(1), await sweepExpired(10), await sweepExpired(10)]).toEqual([1, 1, 0]);
      expect((await leaseOf('l1'))?.ended).toEqual({ how: 'expired', at: 2_000 });
      expect((await leaseOf('l3'))?.ended).toBeUndefined();
      expect((await leaseOf('l4'))?.ended?.how).toBe('released');
      expect((await store.listings.leases('t1', everything, true)).items.map(({ lease }) => lease.id)).toEqual(['l3']);
    });
  });
}
