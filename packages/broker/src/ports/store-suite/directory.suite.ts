import { describe, expect, test } from 'vitest';
import { row } from './rows.suite.ts';
import type { Stage } from './stage.suite.ts';

export function describeDirectory(stage: () => Stage): void {
  describe('the directory', () => {
    test('finds an agent and its tenant by the hash of its newest token, unless it is deleted', async () => {
      const { store, put } = stage();
      const { tokenHash } = row.agent('a1');
      expect(await store.directory.agentByTokenHash(tokenHash)).toEqual({ tenant: row.tenant('t1'), agent: row.agent('a1') });
      const rotated = row.agent('a1', 't1', { tokenHash: new Uint8Array([1, 2, 3]), tokenVersion: 2 });
      await put('t1', { put: 'agent', row: rotated });
      expect(await store.directory.agentByTokenHash(tokenHash)).toBeUndefined();
      expect((await store.directory.agentByTokenHash(rotated.tokenHash))?.agent).toEqual(rotated);
      await put('t1', { put: 'agent', row: { ...rotated, status: 'deleted' } });
      expect(await store.directory.agentByTokenHash(rotated.tokenHash)).toBeUndefined();
    });

    test('finds an operator by the hash of its token', async () => {
      const { store } = stage();
      const root = { id: 'o1', name: 'root', tenantId: undefined, tokenHash: new Uint8Array([5]), createdAt: 1 };
      const local = { id: 'o2', name: 'local', tenantId: 't1', tokenHash: new Uint8Array([6]), createdAt: 1 };
      await store.ledger.commit({ tenant: undefined, lock: 'update' }, () => ({
        changes: [
          { put: 'operator', row: root },
          { put: 'operator', row: local },
        ],
        revocations: [],
        audit: [],
        result: undefined,
      }));
      expect(await store.directory.operatorByTokenHash(root.tokenHash)).toEqual(root);
      expect(await store.directory.operatorByTokenHash(local.tokenHash)).toEqual(local);
      expect(await store.directory.operatorByTokenHash(new Uint8Array([7]))).toBeUndefined();
    });

    test('lists and finds the operators of a tenant, and drops one, or all roots but one', async () => {
      const { store, put, find } = stage();
      const operator = (id: string, name: string, tenantId: string | undefined) => ({
        id,
        name,
        tenantId,
        tokenHash: new TextEncoder().encode(id),
        createdAt: 1,
      });
      const [a, b, other] = [operator('o1', 'same', 't1'), operator('o2', 'same', 't1'), operator('o3', 'same', 't2')];
      const [root, oldRoot] = [operator('o4', 'root', undefined), operator('o5', 'root', undefined)];
      for (const row of [b, a, other, root, oldRoot]) await put('t1', { put: 'operator', row });
      expect(await store.listings.operators('t1', { limit: 1, after: undefined })).toEqual({ items: [a], next: 'same/o1' });
      expect(await store.listings.operators('t1', { limit: 1, after: 'same/o1' })).toEqual({ items: [b], next: undefined });
      expect((await find({ tenant: { id: 't1' }, operators: { name: 'same' } })).operators).toEqual([a, b]);
      expect((await find({ tenant: { id: 't1' }, operators: { id: 'o3' } })).operators).toEqual([]);
      expect((await find({ tenant: { id: 't1' }, asker: a.id })).asker).toEqual(a);
      expect((await find({ tenant: { id: 't1' }, asker: 'o3' })).asker).toBeUndefined();
      await put('t1', { drop: 'operator', id: 'o1' }, { drop: 'root-operators', besides: 'o4' });
      const left = await Promise.all([a, b, other, root, oldRoot].map(({ tokenHash }) => store.directory.operatorByTokenHash(tokenHash)));
      expect(left).toEqual([undefined, b, other, root, undefined]);
    });

    test('knows the lineage of an agent: its active grants on credentials that are not deleted', async () => {
      const { store, clock, put } = stage();
      clock.now = 3_000;
      const suspended = row.credential('c2', 't1', { status: 'suspended' });
      await put(
        't1',
        { put: 'credential', row: suspended },
        { put: 'credential', row: row.credential('c3', 't1', { status: 'deleted' }) },
        { put: 'grant', row: row.grant('g2', 'a1', 'c2') },
        { put: 'grant', row: row.grant('g3', 'a1', 'c3') },
        { put: 'grant', row: row.grant('g1', 'a1', 'c1', 't1', { status: 'revoked' }) },
        { put: 'agent', row: row.agent('a2') },
        { put: 'grant', row: row.grant('g4', 'a2', 'c1') },
      );
      expect(await store.directory.lineageOf('a1')).toEqual({
        now: 3_000,
        tenant: row.tenant('t1'),
        agent: row.agent('a1'),
        grants: [{ grant: row.grant('g2', 'a1', 'c2'), credential: suspended }],
        ungranted: [],
      });
      expect(await store.directory.lineageOf('nobody')).toBeUndefined();
    });

    test('knows what an agent has no grant on, by name, where its tenant lets names be discovered; and nothing of another tenant', async () => {
      const { store, put } = stage();
      await put(
        't2',
        { put: 'credential', row: row.credential('c8', 't2') },
        { put: 'tenant', row: row.tenant('t2', { agentsDiscoverNames: true }) },
      );
      await put(
        't1',
        { put: 'credential', row: row.credential('c9', 't1', { name: 'b' }) },
        { put: 'credential', row: row.credential('c2', 't1', { name: 'c' }) },
        { put: 'credential', row: row.credential('c3', 't1', { status: 'deleted' }) },
        { put: 'grant', row: row.grant('g2', 'a1', 'c2', 't1', { status: 'revoked' }) },
        { put: 'agent', row: row.agent('a2') },
        { put: 'grant', row: row.grant('g4', 'a2', 'c2') },
      );
      const ungranted = async () => (await store.directory.lineageOf('a1'))?.ungranted.map(({ name }) => name);
      expect(await ungranted()).toEqual([]);
      await put('t1', { put: 'tenant', row: row.tenant('t1', { agentsDiscoverNames: true }) });
      expect(await ungranted()).toEqual(['b', 'c']);
      const many = Array.from({ length: 510 }, (_, index) => row.credential(`m${index}`));
      await put('t1', ...many.map((each) => ({ put: 'credential', row: each }) as const));
      expect(await ungranted()).toHaveLength(500);
    });

    test('keeps sealed values by version, and drops older ones or all when told', async () => {
      const { store, put } = stage();
      const versions = async (credentialId: string) => {
        const found = await Promise.all([1, 2, 3].map((version) => store.directory.sealedValue(credentialId, version)));
        return found.map((value) => value?.version);
      };
      for (const credentialId of ['c1', 'c2'])
        await put('t1', ...[1, 2, 3].map((version) => ({ put: 'value', row: row.value(version, credentialId) }) as const));
      expect(await store.directory.sealedValue('c1', 2)).toEqual(row.value(2));
      await put('t1', { drop: 'values', credentialId: 'c1', below: 2 });
      expect([await versions('c1'), await versions('c2')]).toEqual([
        [undefined, 2, 3],
        [1, 2, 3],
      ]);
      await put('t1', { drop: 'values', credentialId: 'c1', below: undefined });
      expect([await versions('c1'), await versions('c2')]).toEqual([
        [undefined, undefined, undefined],
        [1, 2, 3],
      ]);
    });
  });
}
