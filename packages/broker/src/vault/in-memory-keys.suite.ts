import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { AppError, type Instant } from '@leasehold/core';
import type { WrappedDek } from '../domain/dek.ts';
import type { KeyService } from '../ports/key-service.ts';
import type { KeyStore } from '../ports/store.ts';

/** A key store whose rows a test may change as somebody with the database in hands could. */
export interface RowsOfKeys extends KeyStore {
  readonly deks: WrappedDek[];
  readonly brokerKeys: Map<string, Uint8Array>;
}

export function createRowsOfKeys(): RowsOfKeys {
  const deks: WrappedDek[] = [];
  const brokerKeys = new Map<string, Uint8Array>();
  return {
    deks,
    brokerKeys,
    deksOf: async (tenantId) => deks.filter((dek) => dek.tenantId === tenantId).toSorted((a, b) => b.generation - a.generation),
    dek: async (id) => deks.find((dek) => dek.id === id),
    addDek: async (dek) => {
      if (deks.some(({ tenantId, generation }) => tenantId === dek.tenantId && generation === dek.generation))
        throw new AppError('conflict', 'Another broker was faster.');
      deks.push(dek);
    },
    brokerKey: async (name, wrappedIfMissing) => {
      const known = brokerKeys.get(name);
      if (known !== undefined) return known;
      const made = await wrappedIfMissing();
      const stored = brokerKeys.get(name) ?? made;
      brokerKeys.set(name, stored);
      return stored;
    },
  };
}

/** Real AES-GCM under a key in memory, that counts its calls and goes down on demand. */
export interface CountedKeyService extends KeyService {
  readonly calls: { wrap: number; unwrap: number };
  isDown: boolean;
  /** Plaintexts that were handed out: a test looks whether they were wiped. */
  readonly handedOut: Uint8Array[];
}

export function createCountedKeyService(kekId = 'test:kek'): CountedKeyService {
  const kek = randomBytes(32);
  const service: CountedKeyService = {
    kekId,
    calls: { wrap: 0, unwrap: 0 },
    isDown: false,
    handedOut: [],
    wrap: async (plaintext, aad) => {
      service.calls.wrap += 1;
      if (service.isDown) throw new AppError('key_service_unavailable', 'The test has switched the key service off.');
      const nonce = randomBytes(12);
      const encrypt = createCipheriv('aes-256-gcm', kek, nonce).setAAD(aad);
      return Buffer.concat([nonce, encrypt.update(plaintext), encrypt.final(), encrypt.getAuthTag()]);
    },
    unwrap: async (wrapped, aad) => {
      service.calls.unwrap += 1;
      if (service.isDown) throw new AppError('key_service_unavailable', 'The test has switched the key service off.');
      try {
        const decrypt = createDecipheriv('aes-256-gcm', kek, wrapped.subarray(0, 12), { authTagLength: 16 }).setAAD(aad);
        decrypt.setAuthTag(wrapped.subarray(-16));
        const plaintext = decrypt.update(wrapped.subarray(12, -16));
        decrypt.final();
        service.handedOut.push(plaintext);
        return plaintext;
      } catch (cause) {
        throw new AppError('value_unreadable', 'The test key service can’t open this.', { cause });
      }
    },
    check: async () => undefined,
  };
  return service;
}

/** Both clocks of a machine, by hand. */
export function createHandClock(): { now(): Instant; monoMs: number; wallMs: number } {
  const clock = { monoMs: 5_000, wallMs: 1_800_000_000_000, now: (): Instant => ({ monoMs: clock.monoMs, wallMs: clock.wallMs }) };
  return clock;
}
