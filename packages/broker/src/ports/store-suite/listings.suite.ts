import { describe, expect, test } from 'vitest';
import type { Listed, Page } from '../store.ts';
import { row } from './rows.suite.ts';
import { everything, type Stage } from './stage.suite.ts';

/** Page by page to the end; every page but the last is full. */
async function walk<T>(list: (page: Page) => Promise<Listed<T>>, limit: number): Promise<readonly T[]> {
  const items: T[] = [];
  let after: string | undefined;
  do {
    const listed = await list({ limit, after });
    items.push(...listed.items);
    after = listed.next;
    expect(listed.items.length === limit || after === undefined).toBe(true);
  } while (after !== undefined);
  return items;
}

export function describeListings(stage: () => Stage): void {
  describe('listings', () => {
    test('go by name, page by page, stay in their tenant, and leave deleted rows out', async () => {
      const { store, put } = stage();
      await put(
        't1',
        { put: 'agent', row: row.agent('id3', 't1', { name: 'a-9' }) },
        { put: 'agent', row: row.agent('id1', 't1', { name: 'b' }) },
        { put: 'agent', row: row.agent('id2', 't1', { name: 'a0' }) },
        { put: 'agent', row: row.agent('id4', 't1', { name: 'gone', status: 'deleted' }) },
        { put: 'credential', row: row.credential('c0') },
        { put: 'credential', row: row.credential('c2', 't1', { status: 'deleted' }) },
        { put: 'credential', row: row.credential('c3', 't1', { status: 'suspended' }) },
      );
      await put('t2', { put: 'agent', row: row.agent('a5', 't2') }, { put: 'credential', row: row.credential('c5', 't2') });
      for (const limit of [1, 2, 4, 100]) {
        const agents = await walk((page) => store.listings.agents('t1', page), limit);
        expect(agents.map(({ name }) => name)).toEqual(['a-9', 'a0', 'a1', 'b']);
        const credentials = await walk((page) => store.listings.credentials('t1', page), limit);
        expect(credentials.map(({ name }) => name)).toEqual(['c0', 'c1', 'c3']);
        const tenants = await walk((page) => store.listings.tenants(page), limit);
        expect(tenants.map(({ name }) => name)).toEqual(['t1', 't2']);
      }
      expect((await store.listings.agents('t1', everything)).items[2]).toEqual(row.agent('a1'));
      expect((await store.listings.credentials('t1', everything)).items[1]).toEqual(row.credential('c1'));
    });

    test('show active grants between agents and credentials that are not deleted, by the names of agents', async () => {
      const { store, put } = stage();
      await put(
        't1',
        { put: 'agent', row: row.agent('a0') },
        { put: 'agent', row: row.agent('a2', 't1', { status: 'deleted' }) },
        { put: 'credential', row: row.credential('c0') },
        { put: 'credential', row: row.credential('c2', 't1', { status: 'deleted' }) },
        { put: 'grant', row: row.grant('g2', 'a1', 'c0') },
        { put: 'grant', row: row.grant('g3', 'a0', 'c1') },
        { put: 'grant', row: row.grant('g4', 'a0', 'c0', 't1', { status: 'revoked' }) },
        { put: 'grant', row: row.grant('g5', 'a2', 'c1') },
        { put: 'grant', row: row.grant('g6', 'a1', 'c2') },
      );
      for (const limit of [1, 2, 3]) {
        const grants = await walk((page) => store.listings.grants('t1', page), limit);
        expect(grants.map(({ grant }) => grant.id)).toEqual(['g3', 'g1', 'g2']);
      }
      expect((await store.listings.grants('t1', everything)).items[1]).toEqual({
        grant: row.grant('g1', 'a1', 'c1'),
        agent: row.agent('a1'),
        credential: row.credential('c1'),
      });
      expect((await store.listings.grants('t2', everything)).items).toEqual([]);
    });

    test('show leases newest first, also where many were issued in one millisecond, with what their status is derived from', async () => {
      const { store, clock, put } = stage();
      clock.now = 1_700;
      const ended = { how: 'released', at: 40 } as const;
      await put(
        't1',
        { put: 'lease', row: row.lease('l1', { issuedAt: 10 }) },
        { put: 'lease', row: row.lease('l2', { issuedAt: 30 }) },
        { put: 'lease', row: row.lease('l3', { issuedAt: 30, ended }) },
        { put: 'lease', row: row.lease('l4', { issuedAt: 30 }) },
        { put: 'lease', row: row.lease('l5', { issuedAt: 9, ended }) },
      );
      for (const limit of [1, 2, 5]) {
        const all = await walk((page) => store.listings.leases('t1', page, false), limit);
        expect(all.map(({ lease }) => lease.id)).toEqual(['l4', 'l3', 'l2', 'l1', 'l5']);
        const live = await walk((page) => store.listings.leases('t1', page, true), limit);
        expect(live.map(({ lease }) => lease.id)).toEqual(['l4', 'l2', 'l1']);
      }
      expect((await store.listings.leases('t1', { limit: 1, after: undefined }, false)).items).toEqual([
        {
          now: 1_700,
          lease: row.lease('l4', { issuedAt: 30 }),
          tenant: row.tenant('t1'),
          agent: row.agent('a1'),
          credential: row.credential('c1'),
          grant: row.grant('g1', 'a1', 'c1'),
        },
      ]);
      expect((await store.listings.leases('t2', everything, false)).items).toEqual([]);
    });
  });
}
