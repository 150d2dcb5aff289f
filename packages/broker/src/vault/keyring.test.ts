import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createCountedKeyService, createHandClock, createRowsOfKeys } from './in-memory-keys.suite.ts';
import { createKeyring, type KeyringOptions } from './keyring.ts';

function stage(overrides: Partial<KeyringOptions> = {}) {
  const keys = createRowsOfKeys();
  const keyService = createCountedKeyService();
  const clock = createHandClock();
  const options: KeyringOptions = { keys, keyService, randomBytes, clock, keepMs: 300_000, maxKept: 100, maxEncryptions: 4, ...overrides };
  return { keys, keyService, clock, options, keyring: createKeyring(options), other: () => createKeyring(options) };
}

const copyOf = (key: Uint8Array) => Buffer.from(key).toString('hex');

test('the first use makes generation 1, stored wrapped alone', async () => {
  const { keys, keyring } = stage();
  const made = await keyring.withNewest('ten_a', ({ id, key }) => ({ id, key: copyOf(key) }));
  expect(keys.deks).toMatchObject([{ id: made.id, tenantId: 'ten_a', generation: 1, kekId: 'test:kek', encryptions: 0 }]);
  expect(Buffer.from(made.key, 'hex')).toHaveLength(32);
  expect(JSON.stringify(keys.deks.map(({ wrapped }) => copyOf(wrapped)))).not.toContain(made.key);
});

test('each tenant has a key of its own', async () => {
  const { keyring } = stage();
  const a = await keyring.withNewest('ten_a', ({ key }) => copyOf(key));
  const b = await keyring.withNewest('ten_b', ({ key }) => copyOf(key));
  expect(a).not.toBe(b);
});

test('a key that has served its count gives way to the next generation, and still opens what it closed (THREATS 31)', async () => {
  const { keys, keyring } = stage({ maxEncryptions: 4 });
  const first = await keyring.withNewest('ten_a', ({ id, key }) => ({ id, key: copyOf(key) }));
  keys.deks.splice(0, 1, ...keys.deks.map((dek) => ({ ...dek, encryptions: 3 })));
  expect(await keyring.withNewest('ten_a', ({ id }) => id)).toBe(first.id);
  keys.deks.splice(0, 1, ...keys.deks.map((dek) => ({ ...dek, encryptions: 4 })));
  const second = await keyring.withNewest('ten_a', ({ id, key }) => ({ id, key: copyOf(key) }));
  expect(second.key).not.toBe(first.key);
  expect(keys.deks.map(({ generation }) => generation)).toEqual([1, 2]);
  expect(await keyring.withNewest('ten_a', ({ id }) => id)).toBe(second.id);
  expect(await keyring.withKey('ten_a', first.id, copyOf)).toBe(first.key);
});

test('two replicas that make generation 1 at once end with the same key', async () => {
  const { keys, keyring, other } = stage();
  const [a, b] = await Promise.all([keyring, other()].map((each) => each.withNewest('ten_a', ({ id, key }) => `${id} ${copyOf(key)}`)));
  expect(a).toBe(b);
  expect(keys.deks).toHaveLength(1);
});

test('another error than a lost race comes out unchanged, and no key is kept of it', async () => {
  const { keys, keyring } = stage({ keys: { ...createRowsOfKeys(), addDek: () => Promise.reject(new Error('disk full')) } });
  await expect(keyring.withNewest('ten_a', ({ id }) => id)).rejects.toThrow('disk full');
  expect(keys.deks).toEqual([]);
});

test('a hundred calls at once unwrap a key once, and all get the same one', async () => {
  const { keyService, keyring, other } = stage();
  const { id, key } = await keyring.withNewest('ten_a', (dek) => ({ id: dek.id, key: copyOf(dek.key) }));
  const fresh = other();
  const all = await Promise.all(Array.from({ length: 100 }, () => fresh.withKey('ten_a', id, copyOf)));
  expect(new Set(all)).toEqual(new Set([key]));
  expect(keyService.calls.unwrap).toBe(1);
});

test('calls that wait for more keys than are kept all get their own key', async () => {
  const { keyring, options } = stage();
  const tenants = Array.from({ length: 50 }, (_, n) => `ten_${n}`);
  const made = await Promise.all(tenants.map((tenant) => keyring.withNewest(tenant, ({ id, key }) => ({ tenant, id, key: copyOf(key) }))));
  const narrow = createKeyring({ ...options, maxKept: 1 });
  const read = await Promise.all(made.map(({ tenant, id }) => narrow.withKey(tenant, id, copyOf)));
  expect(read).toEqual(made.map(({ key }) => key));
});

test('with the key service down, kept keys serve until their time runs out; then calls fail closed (THREATS 32)', async () => {
  const { keyService, clock, keyring } = stage({ keepMs: 300_000 });
  const { id, key } = await keyring.withNewest('ten_a', (dek) => ({ id: dek.id, key: copyOf(dek.key) }));
  keyService.isDown = true;
  clock.monoMs += 299_999;
  expect(await keyring.withKey('ten_a', id, copyOf)).toBe(key);
  expect(await keyring.withNewest('ten_a', (dek) => copyOf(dek.key))).toBe(key);
  clock.monoMs += 1;
  await expect(keyring.withKey('ten_a', id, copyOf)).rejects.toMatchObject({ code: 'key_service_unavailable' });
  await expect(keyring.withNewest('ten_a', (dek) => dek.id)).rejects.toMatchObject({ code: 'key_service_unavailable' });
  keyService.isDown = false;
  expect(await keyring.withKey('ten_a', id, copyOf)).toBe(key);
});

test('use does not make a key last longer', async () => {
  const { keyService, clock, keyring } = stage({ keepMs: 300_000 });
  const id = await keyring.withNewest('ten_a', (dek) => dek.id);
  keyService.isDown = true;
  clock.monoMs += 200_000;
  await keyring.withKey('ten_a', id, copyOf);
  clock.monoMs += 200_000;
  await expect(keyring.withKey('ten_a', id, copyOf)).rejects.toMatchObject({ code: 'key_service_unavailable' });
});

test('a machine that slept keeps no key past its time: the wall clock counts too', async () => {
  const { keyService, clock, keyring } = stage({ keepMs: 300_000 });
  const id = await keyring.withNewest('ten_a', (dek) => dek.id);
  keyService.isDown = true;
  clock.wallMs += 300_000;
  await expect(keyring.withKey('ten_a', id, copyOf)).rejects.toMatchObject({ code: 'key_service_unavailable' });
});

test('a failed unwrap is not remembered: the next call asks again', async () => {
  const { keyService, keyring, other } = stage();
  const id = await keyring.withNewest('ten_a', (dek) => dek.id);
  const fresh = other();
  keyService.isDown = true;
  await expect(fresh.withKey('ten_a', id, copyOf)).rejects.toMatchObject({ code: 'key_service_unavailable' });
  keyService.isDown = false;
  await expect(fresh.withKey('ten_a', id, copyOf)).resolves.toHaveLength(64);
});

test('unwrapped keys are wiped: at once what was handed out, and what is kept when it goes', async () => {
  const { keyService, clock, keyring, other } = stage({ keepMs: 300_000 });
  const id = await keyring.withNewest('ten_a', (dek) => dek.id);
  const fresh = other();
  await fresh.withKey('ten_a', id, copyOf);
  expect(keyService.handedOut.map(copyOf)).toEqual(['00'.repeat(32)]);
  let kept: Uint8Array = new Uint8Array();
  await fresh.withKey('ten_a', id, (key) => {
    kept = key;
  });
  expect(copyOf(kept)).not.toBe('00'.repeat(32));
  clock.monoMs += 300_000;
  await fresh.withKey('ten_a', id, copyOf);
  expect(copyOf(kept)).toBe('00'.repeat(32));
});

test('a key row that names another tenant does not open, not even while its key is kept (THREATS 30)', async () => {
  const { keys, keyring } = stage();
  const id = await keyring.withNewest('ten_b', (dek) => dek.id);
  keys.deks.splice(0, 1, ...keys.deks.map((dek) => ({ ...dek, tenantId: 'ten_a' })));
  await expect(keyring.withNewest('ten_a', (dek) => dek.id)).rejects.toMatchObject({ code: 'value_unreadable' });
  await expect(keyring.withKey('ten_a', id, copyOf)).rejects.toMatchObject({ code: 'value_unreadable' });
});

test('two wrapped keys in each other’s rows do not open (THREATS 30)', async () => {
  const { keys, keyring, other } = stage({ maxEncryptions: 1 });
  const first = await keyring.withNewest('ten_a', (dek) => dek.id);
  keys.deks.splice(0, 1, ...keys.deks.map((dek) => ({ ...dek, encryptions: 1 })));
  const second = await keyring.withNewest('ten_a', (dek) => dek.id);
  const [one, two] = keys.deks;
  if (one === undefined || two === undefined) throw new Error('two generations were made');
  keys.deks.splice(0, 2, { ...one, wrapped: two.wrapped }, { ...two, wrapped: one.wrapped });
  const fresh = other();
  await expect(fresh.withKey('ten_a', first, copyOf)).rejects.toMatchObject({ code: 'value_unreadable' });
  await expect(fresh.withKey('ten_a', second, copyOf)).rejects.toMatchObject({ code: 'value_unreadable' });
});

test('a missing key and a foreign tenant’s key give the same answer', async () => {
  const { keyring } = stage();
  const id = await keyring.withNewest('ten_b', (dek) => dek.id);
  const answers = await Promise.all([id, 'dek_missing'].map((each) => keyring.withKey('ten_a', each, copyOf).catch(String)));
  expect(answers[0]).toBe(answers[1]);
  await expect(keyring.withKey('ten_a', id, copyOf)).rejects.toMatchObject({ code: 'value_unreadable' });
});

test('a broker with another KEK says which one is wanted, and asks no key service', async () => {
  const { keyring, options } = stage();
  const id = await keyring.withNewest('ten_a', (dek) => dek.id);
  const stranger = createCountedKeyService('test:other');
  const strange = createKeyring({ ...options, keyService: stranger });
  await expect(strange.withKey('ten_a', id, copyOf)).rejects.toMatchObject({
    code: 'key_service_unavailable',
    message: expect.stringContaining('wrapped by test:kek, but this broker uses test:other'),
  });
  expect(stranger.calls.unwrap).toBe(0);
});
