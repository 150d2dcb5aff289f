import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { loadBrokerKey } from './broker-keys.ts';
import { createCountedKeyService, createRowsOfKeys } from './in-memory-keys.suite.ts';

const stage = () => ({ keys: createRowsOfKeys(), keyService: createCountedKeyService(), randomBytes });

test('a broker key is made once and comes back the same after a restart', async () => {
  const deps = stage();
  const first = await loadBrokerKey(deps, 'session');
  expect(first).toHaveLength(32);
  expect(await loadBrokerKey(deps, 'session')).toEqual(first);
  expect(await loadBrokerKey(deps, 'audit')).not.toEqual(first);
});

test('replicas that start at once end with the same key', async () => {
  const deps = stage();
  const all = await Promise.all([1, 2, 3].map(() => loadBrokerKey(deps, 'audit')));
  expect(new Set(all.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1);
});

test('only the wrapped key is stored, and the draft of it is wiped', async () => {
  const drafts: Uint8Array[] = [];
  const deps = stage();
  const remembering = (count: number) => {
    const draft = randomBytes(count);
    drafts.push(draft);
    return draft;
  };
  const key = Buffer.from(await loadBrokerKey({ ...deps, randomBytes: remembering }, 'session'));
  expect(Buffer.concat([...deps.keys.brokerKeys.values()]).includes(key)).toBe(false);
  expect(drafts).toEqual([Buffer.alloc(32)]);
});

test('a key stored under the name of another does not load (THREATS 30)', async () => {
  const deps = stage();
  await loadBrokerKey(deps, 'session');
  const wrapped = deps.keys.brokerKeys.get('session');
  if (wrapped !== undefined) deps.keys.brokerKeys.set('audit', wrapped);
  await expect(loadBrokerKey(deps, 'audit')).rejects.toMatchObject({ code: 'value_unreadable' });
});

test('a start without the key service fails closed: no key is made up', async () => {
  const deps = stage();
  deps.keyService.isDown = true;
  await expect(loadBrokerKey(deps, 'session')).rejects.toMatchObject({ code: 'key_service_unavailable' });
  expect(deps.keys.brokerKeys.size).toBe(0);
});
