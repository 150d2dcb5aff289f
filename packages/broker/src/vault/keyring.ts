import { AppError, type Clock, elapsedMs, type Instant, makeId } from '@leasehold/core';
import { LRUCache } from 'lru-cache';
import type { WrappedDek } from '../domain/dek.ts';
import type { KeyService } from '../ports/key-service.ts';
import type { KeyStore } from '../ports/store.ts';
import { encodeAad } from './aad.ts';

/** The data keys of all tenants: unwrapped when needed, kept for a bounded time, wiped when they go. */
export interface Keyring {
  /** Runs `use` with the key that encrypts for this tenant now. The key is good for the call alone: it may be wiped right after. */
  withNewest<T>(tenantId: string, use: (dek: { readonly id: string; readonly key: Uint8Array }) => T): Promise<T>;
  /**
   * Runs `use` with one key, good for the call alone.
   * Throws AppError `value_unreadable` when the tenant has no such key, `key_service_unavailable` when it is needed and can't be unwrapped.
   */
  withKey<T>(tenantId: string, dekId: string, use: (key: Uint8Array) => T): Promise<T>;
}

export interface KeyringOptions {
  readonly keys: KeyStore;
  readonly keyService: KeyService;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly clock: Clock;
  /** How long an unwrapped DEK serves without asking the key service: that long leases go on while it is down, and no longer. */
  readonly keepMs: number;
  readonly maxKept: number;
  /** A new generation after this many encryptions: 2^20 stays far from the 2^32 of NIST SP 800-38D section 8.3. */
  readonly maxEncryptions: number;
}

const dekBytes = 32;

interface KeptKey {
  readonly key: Uint8Array;
  readonly since: Instant;
}

/** One unwrap in progress, and how many calls wait for its key. */
interface Flight {
  readonly key: Promise<Uint8Array>;
  waiting: number;
}

export function createKeyring(options: KeyringOptions): Keyring {
  const { keys, keyService, randomBytes, clock, keepMs, maxEncryptions } = options;
  // Its time limit wipes keys that nobody asks for again; whether a key may still serve is decided by `usable`, on both clocks.
  const kept = new LRUCache<string, KeptKey>({
    max: options.maxKept,
    ttl: keepMs,
    ttlAutopurge: true,
    dispose: ({ key }) => key.fill(0),
  });
  const flights = new Map<string, Flight>();

  function usable(name: string): Uint8Array | undefined {
    const found = kept.get(name);
    if (found === undefined || elapsedMs(found.since, clock.now()) < keepMs) return found?.key;
    kept.delete(name);
    return undefined;
  }

  /** The cache holds its own copy: it may drop and wipe that one before those who waited get their turn. */
  function keep(dek: Pick<WrappedDek, 'tenantId' | 'id'>, key: Uint8Array): void {
    kept.set(nameOf(dek), { key: Uint8Array.from(key), since: clock.now() });
  }

  async function withUnwrapped<T>(dek: WrappedDek, use: (key: Uint8Array) => T): Promise<T> {
    const name = nameOf(dek);
    const known = usable(name);
    if (known !== undefined) return use(known);
    const flight = flights.get(name) ?? { key: unwrap(dek).finally(() => flights.delete(name)), waiting: 0 };
    flights.set(name, flight);
    flight.waiting += 1;
    const key = await flight.key;
    try {
      return use(key);
    } finally {
      flight.waiting -= 1;
      if (flight.waiting === 0) key.fill(0);
    }
  }

  async function unwrap(dek: WrappedDek): Promise<Uint8Array> {
    if (dek.kekId !== keyService.kekId) {
      throw new AppError(
        'key_service_unavailable',
        `A data key is wrapped by ${dek.kekId}, but this broker uses ${keyService.kekId}. Start it with the KEK that wrapped its data.`,
      );
    }
    const key = await keyService.unwrap(dek.wrapped, aadOf(dek));
    if (key.byteLength !== dekBytes)
      throw new AppError('value_unreadable', 'A data key has the wrong length. Restore the database from a backup.');
    keep(dek, key);
    return key;
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
    try {
      const wrapped = await keyService.wrap(key, aadOf({ tenantId, id }));
      const createdAt = clock.now().wallMs;
      const dek: WrappedDek = { id, tenantId, generation, kekId: keyService.kekId, wrapped, encryptions: 0, createdAt };
      await keys.addDek(dek);
      keep(dek, key);
      return dek;
    } finally {
      key.fill(0);
    }
  }

  return {
    withNewest: async (tenantId, use) => {
      const dek = await newest(tenantId);
      return withUnwrapped(dek, (key) => use({ id: dek.id, key }));
    },
    withKey: async (tenantId, dekId, use) => {
      const known = usable(nameOf({ tenantId, id: dekId }));
      if (known !== undefined) return use(known);
      const dek = await keys.dek(dekId);
      if (dek === undefined || dek.tenantId !== tenantId)
        throw new AppError('value_unreadable', 'The data key of a stored value is missing. Restore the database from a backup.');
      return withUnwrapped(dek, use);
    },
  };
}

/** With the tenant in it: a key that one tenant's use brought in never serves a row that names another. */
function nameOf({ tenantId, id }: Pick<WrappedDek, 'tenantId' | 'id'>): string {
  return `${tenantId} ${id}`;
}

function aadOf({ tenantId, id }: Pick<WrappedDek, 'tenantId' | 'id'>): Uint8Array {
  return encodeAad('leasehold/dek', tenantId, id);
}
