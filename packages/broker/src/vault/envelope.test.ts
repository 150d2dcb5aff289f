import { randomBytes } from 'node:crypto';
import { AppError } from '@leasehold/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SealedValue } from '../domain/credential.ts';
import { createVault } from './envelope.ts';
import { createCountedKeyService, createHandClock, createRowsOfKeys } from './in-memory-keys.suite.ts';
import { createKeyring, type Keyring } from './keyring.ts';

function stage() {
  const keys = createRowsOfKeys();
  const keyService = createCountedKeyService();
  const clock = createHandClock();
  const ring = () => createKeyring({ keys, keyService, randomBytes, clock, keepMs: 300_000, maxKept: 100, maxEncryptions: 2 ** 20 });
  return {
    keys,
    keyService,
    clock,
    vault: createVault({ keyring: ring(), randomBytes }),
    restarted: () => createVault({ keyring: ring(), randomBytes }),
  };
}

const address = { tenantId: 'ten_a', credentialId: 'crd_1', version: 1 };
const secret = () => Buffer.from('sk-canary-0123456789');
const unreadable = { code: 'value_unreadable' };

test('what is sealed opens again, also after a restart', async () => {
  const { vault, restarted } = stage();
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 4_096 }), async (value) => {
      const sealed = await vault.seal(address, value);
      expect(Buffer.from(await vault.open(sealed))).toEqual(Buffer.from(value));
      expect(Buffer.from(await restarted().open(sealed))).toEqual(Buffer.from(value));
    }),
    { numRuns: 40 },
  );
});

test('a sealed row holds no part of its value', async () => {
  const { vault } = stage();
  const sealed = await vault.seal(address, secret());
  const row = Buffer.concat([sealed.nonce, sealed.ciphertext]);
  expect(row.includes('canary')).toBe(false);
  expect(sealed.nonce).toHaveLength(12);
  expect(sealed.ciphertext).toHaveLength(secret().length + 16);
});

test('sealing leaves the caller’s buffer alone, and opening gives a buffer of the caller’s own', async () => {
  const { vault } = stage();
  const value = secret();
  const sealed = await vault.seal(address, value);
  expect(value).toEqual(secret());
  (await vault.open(sealed)).fill(0);
  expect(Buffer.from(await vault.open(sealed))).toEqual(secret());
});

test('two thousand seals of one value use two thousand nonces (THREATS 31)', async () => {
  const { vault } = stage();
  const sealed = await Promise.all(Array.from({ length: 2_000 }, () => vault.seal(address, secret())));
  expect(new Set(sealed.map(({ nonce }) => Buffer.from(nonce).toString('hex'))).size).toBe(2_000);
  expect(new Set(sealed.map(({ dekId }) => dekId)).size).toBe(1);
});

// Bytes by an independent implementation: AESGCM of Python's cryptography 48, over the AAD that aad.test.ts pins.
test('the format at rest is AES-256-GCM with the tag at the end and the row’s address as AAD', async () => {
  const key = Uint8Array.from({ length: 32 }, (_, index) => index);
  const nonce = Uint8Array.from({ length: 12 }, (_, index) => 100 + index);
  const keyring: Keyring = {
    withNewest: async (_, use) => use({ id: 'dek_1', key }),
    withKey: async (_tenant, _dek, use) => use(key),
  };
  const vault = createVault({ keyring, randomBytes: () => nonce });
  const sealed = await vault.seal({ tenantId: 'ten_1', credentialId: 'crd_1', version: 7 }, secret());
  expect(Buffer.from(sealed.ciphertext).toString('hex')).toBe('3b70f305188737ec474f6fd9e8565ec874f53e33e87a8b325d0494b28f0b782b8cfe8fac');
  expect(Buffer.from(await vault.open(sealed))).toEqual(secret());
});

/** What somebody may do who can write to the database but has no key. */
const swaps: Readonly<Record<string, (mine: SealedValue, theirs: SealedValue) => SealedValue>> = {
  'the ciphertext and nonce of another row': (mine, { nonce, ciphertext }) => ({ ...mine, nonce, ciphertext }),
  'the ciphertext, nonce and key of another row': (mine, { nonce, ciphertext, dekId }) => ({ ...mine, nonce, ciphertext, dekId }),
  'another nonce': (mine, { nonce }) => ({ ...mine, nonce }),
  'another data key': (mine, { dekId }) => ({ ...mine, dekId }),
  'its own content under the other row’s tenant': (mine, { tenantId }) => ({ ...mine, tenantId }),
};

const neighbours: Readonly<Record<string, Partial<SealedValue>>> = {
  tenant: { tenantId: 'ten_b' },
  credential: { credentialId: 'crd_2' },
  version: { version: 2 },
};

for (const [kind, change] of Object.entries(neighbours)) {
  for (const [what, swap] of Object.entries(swaps)) {
    test(`a row with ${what}, from another ${kind}, does not open (INV-12, THREATS 30)`, async () => {
      const { vault, restarted } = stage();
      const mine = await vault.seal(address, secret());
      const theirs = await vault.seal({ ...address, ...change }, Buffer.from('the value of a neighbour'));
      const swapped = swap(mine, theirs);
      const isSame = JSON.stringify(swapped) === JSON.stringify(mine);
      for (const each of [vault, restarted()]) {
        // Neighbours of one tenant share its data key, so for them one swap changes nothing.
        if (isSame) await expect(each.open(swapped)).resolves.toHaveLength(secret().length);
        else await expect(each.open(swapped)).rejects.toMatchObject(unreadable);
      }
    });
  }
}

test('a value does not open as that of another credential or version', async () => {
  const { vault } = stage();
  const sealed = await vault.seal(address, secret());
  await expect(vault.open({ ...sealed, credentialId: 'crd_2' })).rejects.toMatchObject(unreadable);
  await expect(vault.open({ ...sealed, version: 2 })).rejects.toMatchObject(unreadable);
  // Parts that would run into each other if they were joined without their lengths.
  const odd = await vault.seal({ tenantId: 'ten_a', credentialId: 'crd_1', version: 12 }, secret());
  await expect(vault.open({ ...odd, credentialId: 'crd_11', version: 2 })).rejects.toMatchObject(unreadable);
});

test('one flipped bit anywhere, a cut or an added byte is found', async () => {
  const { vault } = stage();
  const sealed = await vault.seal(address, secret());
  for (const field of ['nonce', 'ciphertext'] as const) {
    for (let bit = 0; bit < sealed[field].length * 8; bit += 1) {
      const bytes = Uint8Array.from(sealed[field]);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await expect(vault.open({ ...sealed, [field]: bytes })).rejects.toMatchObject(unreadable);
    }
  }
  for (const cut of [0, 1, 15, 16, sealed.ciphertext.length - 1]) {
    await expect(vault.open({ ...sealed, ciphertext: sealed.ciphertext.subarray(0, cut) })).rejects.toMatchObject(unreadable);
  }
  await expect(vault.open({ ...sealed, ciphertext: Buffer.concat([sealed.ciphertext, Buffer.of(0)]) })).rejects.toMatchObject(unreadable);
  await expect(vault.open({ ...sealed, nonce: new Uint8Array(0) })).rejects.toMatchObject(unreadable);
});

test('an error about a value shows nothing of it', async () => {
  const { vault } = stage();
  const sealed = await vault.seal(address, secret());
  const thrown: unknown = await vault.open({ ...sealed, version: 9 }).catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(AppError);
  expect(`${thrown} ${JSON.stringify(thrown)} ${thrown instanceof Error ? String(thrown.cause) : ''}`).not.toContain('canary');
});

test('with the key service down, values open while their key is kept; then they fail closed, and open again later (THREATS 32)', async () => {
  const { vault, keyService, clock } = stage();
  const sealed = await vault.seal(address, secret());
  keyService.isDown = true;
  clock.monoMs += 299_999;
  expect(Buffer.from(await vault.open(sealed))).toEqual(secret());
  clock.monoMs += 1;
  await expect(vault.open(sealed)).rejects.toMatchObject({ code: 'key_service_unavailable' });
  await expect(vault.seal(address, secret())).rejects.toMatchObject({ code: 'key_service_unavailable' });
  keyService.isDown = false;
  expect(Buffer.from(await vault.open(sealed))).toEqual(secret());
});
