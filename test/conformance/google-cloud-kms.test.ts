import { randomBytes } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  createGoogleCloudKms,
  type GoogleCloudKmsOptions,
  loadGoogleCloudKms,
} from '../../packages/broker/src/adapters/kms/google-cloud-kms.ts';
import { keyServiceSuite } from '../../packages/broker/src/adapters/kms/key-service.suite.ts';
import type { KeyService } from '../../packages/broker/src/ports/key-service.ts';
import { type KmsDouble, type KmsFault, startKmsDouble } from '../harness/kms-double.ts';

// The adapter with Google's own client, over gRPC, against a server that speaks the protos which that client ships.

let kms: KmsDouble;
let client: Awaited<ReturnType<typeof loadGoogleCloudKms>>;
let pauses: number[] = [];

beforeAll(async () => {
  kms = await startKmsDouble();
  client = await loadGoogleCloudKms(kms.clientOptions);
});

beforeEach(() => {
  kms.heal();
  pauses = [];
});

afterAll(async () => {
  await client.close();
  await kms.close();
});

function open(overrides: Partial<GoogleCloudKmsOptions> = {}): KeyService {
  return createGoogleCloudKms({
    keyName: kms.keyName,
    client: async () => client,
    timeoutMs: 5_000,
    attempts: 3,
    pause: async (ms) => {
      pauses.push(ms);
    },
    random: () => 0.5,
    ...overrides,
  });
}

const aad = Buffer.from('tenant and key id');
const key = () => Buffer.alloc(32, 7);

keyServiceSuite('Google Cloud KMS', async () => ({ service: open(), other: open({ keyName: kms.otherKeyName }) }));

test('one call is one request', async () => {
  const before = { ...kms.calls };
  const service = open();
  await service.unwrap(await service.wrap(key(), aad), aad);
  expect(kms.calls).toEqual({ encrypt: before.encrypt + 1, decrypt: before.decrypt + 1 });
});

const passing: readonly (readonly [string, KmsFault])[] = [
  ['unavailable', { kind: 'status', code: status.UNAVAILABLE }],
  ['throttled', { kind: 'status', code: status.RESOURCE_EXHAUSTED }],
  ['out of time', { kind: 'status', code: status.DEADLINE_EXCEEDED }],
  ['failing inside', { kind: 'status', code: status.INTERNAL }],
  ['damaging requests', { kind: 'damaged-request' }],
  ['damaging answers', { kind: 'damaged-answer' }],
  ['leaving checksums out', { kind: 'no-checksum' }],
];

for (const [what, fault] of passing) {
  test(`a key service ${what} for two calls is asked a third time, after growing pauses (THREATS 32)`, async () => {
    const service = open();
    kms.fail(fault, 2);
    const wrapped = await service.wrap(key(), aad);
    expect(pauses).toEqual([200, 400]);
    kms.fail(fault, 2);
    expect(Buffer.from(await service.unwrap(wrapped, aad))).toEqual(key());
    expect(pauses).toEqual([200, 400, 200, 400]);
  });

  test(`a key service ${what} for longer is given up after three calls, closed and with what to do (THREATS 32)`, async () => {
    const service = open();
    const wrapped = await service.wrap(key(), aad);
    for (const call of [() => service.wrap(key(), aad), () => service.unwrap(wrapped, aad), () => service.check()]) {
      const before = kms.calls.encrypt + kms.calls.decrypt;
      kms.fail(fault, 10);
      await expect(call()).rejects.toMatchObject({ name: 'AppError', code: 'key_service_unavailable', retryAfterS: 5 });
      expect(kms.calls.encrypt + kms.calls.decrypt - before).toBe(3);
      kms.heal();
    }
  });
}

test('pauses are spread: no two brokers need come back at once', async () => {
  kms.fail({ kind: 'status', code: status.UNAVAILABLE }, 2);
  await open({ random: () => 0 }).wrap(key(), aad);
  kms.fail({ kind: 'status', code: status.UNAVAILABLE }, 2);
  await open({ random: () => 1 }).wrap(key(), aad);
  expect(pauses).toEqual([100, 200, 300, 600]);
});

test('a key service that never answers is left at the deadline, and a wrapped key is not invented', async () => {
  const service = open({ timeoutMs: 50, attempts: 2 });
  const before = kms.calls.encrypt;
  kms.fail({ kind: 'silent' }, 2);
  await expect(service.wrap(key(), aad)).rejects.toMatchObject({
    code: 'key_service_unavailable',
    message: expect.stringContaining('does not answer'),
  });
  expect(kms.calls.encrypt - before).toBe(2);
  await expect(service.wrap(key(), aad)).resolves.toBeInstanceOf(Uint8Array);
});

for (const what of ['plaintext', 'aad'] as const) {
  test(`a ciphertext whose ${what} the service did not verify is thrown away (THREATS 32)`, async () => {
    kms.fail({ kind: 'unverified', what }, 3);
    await expect(open().wrap(key(), aad)).rejects.toMatchObject({
      code: 'key_service_unavailable',
      message: expect.stringContaining('checksum'),
    });
  });
}

test('a ciphertext that another key made is thrown away', async () => {
  kms.fail({ kind: 'other-key' }, 3);
  await expect(open().wrap(key(), aad)).rejects.toMatchObject({ code: 'key_service_unavailable' });
});

test('persistent damage says so: it is neither an outage nor an unreadable key', async () => {
  const service = open();
  const wrapped = await service.wrap(key(), aad);
  kms.fail({ kind: 'damaged-request' }, 3);
  await expect(service.unwrap(wrapped, aad)).rejects.toMatchObject({
    code: 'key_service_unavailable',
    message: expect.stringContaining('damaged on the way'),
  });
});

test('a disabled key fails closed at once, names itself, and works again when it is enabled (THREATS 32)', async () => {
  const service = open();
  const wrapped = await service.wrap(key(), aad);
  kms.setEnabled(kms.keyName, false);
  try {
    const before = kms.calls.decrypt;
    await expect(service.unwrap(wrapped, aad)).rejects.toMatchObject({
      code: 'key_service_unavailable',
      message: expect.stringMatching(/kek is disabled or destroyed\. Enable/),
    });
    expect(kms.calls.decrypt - before).toBe(1);
    await expect(service.check()).rejects.toMatchObject({ code: 'key_service_unavailable' });
  } finally {
    kms.setEnabled(kms.keyName, true);
  }
  expect(Buffer.from(await service.unwrap(wrapped, aad))).toEqual(key());
});

test('a key that does not exist, and one that may not be used, are named with the next step and not asked again', async () => {
  const missing = open({ keyName: `${kms.keyName}-missing` });
  await expect(missing.wrap(key(), aad)).rejects.toMatchObject({
    code: 'key_service_unavailable',
    message: expect.stringContaining('Check --gcp-kms-key'),
  });
  kms.fail({ kind: 'status', code: status.PERMISSION_DENIED });
  await expect(open().wrap(key(), aad)).rejects.toMatchObject({
    code: 'key_service_unavailable',
    message: expect.stringContaining('roles/cloudkms.cryptoKeyEncrypterDecrypter'),
  });
  expect(pauses).toEqual([]);
});

test('check sees a key that may encrypt but not decrypt', async () => {
  const { encrypt } = client;
  const halfway = open({
    client: async () => ({ encrypt: encrypt.bind(client), decrypt: () => Promise.reject(Object.assign(new Error('no'), { code: 7 })) }),
  });
  await expect(halfway.wrap(key(), aad)).resolves.toBeInstanceOf(Uint8Array);
  await expect(halfway.check()).rejects.toMatchObject({ code: 'key_service_unavailable' });
});

test('a client that could not be made is made anew: credentials may come later than the broker', async () => {
  let made = 0;
  const service = open({
    client: async () => {
      made += 1;
      if (made === 1) throw new Error('the metadata server is not up yet');
      return client;
    },
  });
  await service.check();
  expect(made).toBe(2);
});

test('a machine without Google credentials is told so', async () => {
  const service = open({ client: () => Promise.reject(new Error('Could not load the default credentials')) });
  await expect(service.check()).rejects.toMatchObject({
    code: 'key_service_unavailable',
    message: expect.stringContaining('no Google credentials'),
  });
});

test.each([
  '',
  'kek',
  'projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1',
  '/projects/p/locations/l/keyRings/r/cryptoKeys/k',
])('the key name "%s" is refused at the start', (keyName) => {
  expect(() => open({ keyName })).toThrow(/Write projects\/P\/locations\/L/);
});

test('no error shows what was to be wrapped', async () => {
  const plaintext = randomBytes(32);
  kms.fail({ kind: 'status', code: status.INTERNAL }, 3);
  const thrown: unknown = await open()
    .wrap(plaintext, aad)
    .catch((error: unknown) => error);
  const shown = `${thrown} ${JSON.stringify(thrown)} ${thrown instanceof Error ? `${thrown.stack} ${thrown.cause}` : ''}`;
  expect(shown).toContain('does not answer');
  for (const spelling of ['hex', 'base64', 'latin1'] as const) expect(shown).not.toContain(plaintext.toString(spelling));
});
