import { AppError, makeId } from '@leasehold/core';
import { LRUCache } from 'lru-cache';
import type { WrappedDek } from '../domain/dek.ts';
import type { KeyService } from '../ports/key-service.ts';
import type { KeyStore } from '../ports/store.ts';
import { encodeAad } from './aad.ts';

/** The data keys of all tenants: unwrapped when needed, kept for a bounded time, wiped when they go. */
export interface Keyring {
  /** Runs `use` with the key that encrypts for this tenant now. The key is good for the call alone. */
  withNewest<T>(tenantId: string, use: (dek: { readonly id: string; readonly key: Uint8Array }) => T): Promise<T>;
  /** Runs `use` with one key. Throws AppError `value_unreadable` when the tenant has no such key. */
  withKey<T>(tenantId: string, dekId: string, use: (key: Uint8Array) => T): Promise<T>;
}

export interface KeyringOptions {
  readonly keys: KeyStore;
  readonly keyService: KeyService;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Wall clock, ms: when a DEK was made. */
  readonly now: () => number;
  /** How long an unwrapped DEK serves without asking the key service: that long leases go on while it is down. */
  readonly keepMs: number;
  readonly maxKept: number;
  /** A new generation after this many encryptions: 2^20 stays far from the 2^32 of NIST SP 800-38D section 8.3. */
  readonly maxEncryptions: number;
}

const dekBytes = 32;

export function createKeyring(options: KeyringOptions): Keyring {
  const { keys, keyService, randomBytes, now, maxEncryptions } = options;
  const unwrapped = new LRUCache<string, Uint8Array>({
    max: options.maxKept,
    ttl: options.keepMs,
    ttlAutopurge: false,
    perf: { now },
    dispose: (key) => key.fill(0),
  });
  const unwrapping = new Map<string, Promise<void>>();

  /** One unwrap serves all who wait for it. */
  async function ensure(dek: WrappedDek): Promise<void> {
    if (unwrapped.has(dek.id)) return;
    let pending = unwrapping.get(dek.id);
    if (pending === undefined) {
      pending = unwrap(dek).finally(() => unwrapping.delete(dek.id));
      unwrapping.set(dek.id, pending);
    }
    await pending;
  }

  async function unwrap(dek: WrappedDek): Promise<void> {
    if (dek.kekId !== keyService.kekId) {
      throw new AppError(
        'key_service_unavailable',
        `A data key is wrapped by ${dek.kekId}, but this broker uses ${keyService.kekId}. Start it with the KEK that wrapped its data.`,
      );
    }
    const key = await keyService.unwrap(dek.wrapped, aadOf(dek));
    if (key.byteLength !== dekBytes)
      throw new AppError('value_unreadable', 'A data key has the wrong length. Restore the database from a backup.');
    unwrapped.set(dek.id, key);
  }

  /** From the cache in this very tick: a key that is dropped later is wiped, so nobody may hold on to it. */
  function use<T>(dekId: string, work: (key: Uint8Array) => T): T {
    const key = unwrapped.get(dekId);
    if (key === undefined)
      throw new AppError('key_service_unavailable', 'A data key was dropped while it was needed. Try again.', { retryAfterS: 1 });
    return work(key);
  }

  async function newest(tenantId: string): Promise<WrappedDek> {
    const [current] = await keys.deksOf(tenantId);
    if (current !== undefined && current.encryptions < maxEncryptions) return current;
    try {
      return await addGeneration(tenantId, (current?.generation ?? 0) + 1);
    } catch (thrown) {
      // Another replica made this generation first: its key serves as well.
      const [theirs] = thrown instanceof AppError && thrown.code === 'conflict' ? await keys.deksOf(tenantId) : [];
      if (theirs === undefined) throw thrown;
      return theirs;
    }
  }

  async function addGeneration(tenantId: string, generation: number): Promise<WrappedDek> {
    const id = makeId('dek', randomBytes(16));
    const key = randomBytes(dekBytes);
    const wrapped = await keyService.wrap(key, aadOf({ tenantId, id }));
    const dek: WrappedDek = { id, tenantId, generation, kekId: keyService.kekId, wrapped, encryptions: 0, createdAt: now() };
    await keys.addDek(dek);
    unwrapped.set(id, key);
    return dek;
  }

  return {
    async withNewest(tenantId, work) {
      const dek = await newest(tenantId);
      await ensure(dek);
      return use(dek.id, (key) => work({ id: dek.id, key }));
    },
    async withKey(tenantId, dekId, work) {
      if (!unwrapped.has(dekId)) {
        const dek = await keys.dek(dekId);
        if (dek === undefined || dek.tenantId !== tenantId)
          throw new AppError('value_unreadable', 'The data key of a stored value is missing. Restore the database from a backup.');
        await ensure(dek);
      }
      return use(dekId, work);
    },
  };
}

function aadOf({ tenantId, id }: Pick<WrappedDek, 'tenantId' | 'id'>): Uint8Array {
  return encodeAad('leasehold/dek', tenantId, id);
}
