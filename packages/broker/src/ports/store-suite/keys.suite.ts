import { describe, expect, test } from 'vitest';
import { row } from './rows.suite.ts';
import type { Stage } from './stage.suite.ts';

export function describeKeys(stage: () => Stage): void {
  describe('keys', () => {
    test('the data keys of a tenant are listed newest first, and found by id', async () => {
      const { keys } = stage().store;
      await keys.addDek(row.dek('d1', 1));
      await keys.addDek(row.dek('d3', 3));
      await keys.addDek(row.dek('d2', 2));
      await keys.addDek(row.dek('other', 1, 't2'));
      expect((await keys.deksOf('t1')).map(({ id }) => id)).toEqual(['d3', 'd2', 'd1']);
      expect(await keys.dek('d2')).toEqual(row.dek('d2', 2));
      expect(await keys.dek('d9')).toBeUndefined();
    });

    test('a generation is made once: who comes second is told so, and the first one stays', async () => {
      const { keys } = stage().store;
      await keys.addDek(row.dek('d1', 1));
      await expect(keys.addDek(row.dek('d9', 1))).rejects.toMatchObject({ name: 'AppError', code: 'conflict' });
      expect((await keys.deksOf('t1')).map(({ id }) => id)).toEqual(['d1']);
    });

    test('every value that is put counts on its data key, unless its commit fails', async () => {
      const { store, put } = stage();
      await store.keys.addDek(row.dek('d1', 1));
      await put('t1', { put: 'value', row: row.value(1) }, { put: 'value', row: row.value(2) });
      await expect(
        put('t1', { put: 'value', row: row.value(3) }, { put: 'agent', row: row.agent('a9', 't1', { name: 'a1' }) }),
      ).rejects.toMatchObject({ code: 'already_exists' });
      expect((await store.keys.dek('d1'))?.encryptions).toBe(2);
    });

    test('a broker key is set once, also when two ask for it at once', async () => {
      const { keys } = stage().store;
      const made = await Promise.all([1, 2].map((byte) => keys.brokerKey('audit', async () => new Uint8Array([byte]))));
      expect(made[0]).toEqual(made[1]);
      const again = await keys.brokerKey('audit', () => Promise.reject(new Error('asked for a key that is there')));
      expect(again).toEqual(made[0]);
      expect(await keys.brokerKey('session', async () => new Uint8Array([7]))).toEqual(new Uint8Array([7]));
    });

    test('a broker key that could not be made is not set', async () => {
      const { keys } = stage().store;
      await expect(keys.brokerKey('audit', () => Promise.reject(new Error('no key service')))).rejects.toThrow('no key service');
      expect(await keys.brokerKey('audit', async () => new Uint8Array([7]))).toEqual(new Uint8Array([7]));
    });
  });
}
