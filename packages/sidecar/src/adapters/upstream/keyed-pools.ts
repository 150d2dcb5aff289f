import type { Destination } from '@leasehold/core';
import type { OutgoingRequest } from '../../ports/upstream.ts';

export interface KeyedPoolsOptions {
  readonly maxPools: number;
  /** How long an unused pool is kept, ms. */
  readonly idlePoolMs: number;
}

/** One pool for all requests that may share connections, and for no others (THREATS 40). */
export interface KeyedPools<Pool> {
  /** Undefined when there are as many as there may be, and all are in use. */
  poolFor(request: OutgoingRequest): Pool | undefined;
  close(): Promise<void>;
}

interface Kept<Pool> {
  readonly pool: Pool;
  /** Since the last look. */
  wasUsed: boolean;
}

/** What was found last for a destination: nearly always what is looked for next. */
interface Found<Pool> {
  readonly credentialId: string;
  readonly version: number;
  readonly host: string;
  readonly kept: Kept<Pool>;
}

export function createKeyedPools<Pool extends { readonly isIdle: boolean; destroy(): Promise<void> }>(
  { maxPools, idlePoolMs }: KeyedPoolsOptions,
  create: (destination: Destination, host: string) => Pool,
): KeyedPools<Pool> {
  const pools = new Map<string, Kept<Pool>>();
  let found = new WeakMap<Destination, Found<Pool>>();

  const sweeping = setInterval(() => {
    for (const [key, kept] of pools) {
      if (!kept.wasUsed && kept.pool.isIdle) remove(key, kept);
      kept.wasUsed = false;
    }
  }, idlePoolMs);
  sweeping.unref();

  function remove(key: string, { pool }: Kept<Pool>): void {
    pools.delete(key);
    // It may be remembered under any destination that was alike.
    found = new WeakMap();
    // Owned: idle connections close at once, and nothing of them is waited for.
    pool.destroy().catch(() => undefined);
  }

  function keptFor({ credentialId, version, destination, host }: OutgoingRequest): Kept<Pool> | undefined {
    const last = found.get(destination);
    if (last !== undefined && last.credentialId === credentialId && last.version === version && last.host === host) return last.kept;
    const { scheme, port, caPem = '', privateCidrs } = destination;
    // Whom to trust and where to dial belong to the connection as much as its name does.
    const key = [credentialId, version, scheme, host, port, privateCidrs.join(), caPem].join(' ');
    const kept = pools.get(key) ?? make(key, destination, host);
    if (kept !== undefined) found.set(destination, { credentialId, version, host, kept });
    return kept;
  }

  function make(key: string, destination: Destination, host: string): Kept<Pool> | undefined {
    if (pools.size >= maxPools) {
      const idle = [...pools].find(([, { pool }]) => pool.isIdle);
      if (idle === undefined) return undefined;
      remove(...idle);
    }
    const kept = { pool: create(destination, host), wasUsed: true };
    pools.set(key, kept);
    return kept;
  }

  return {
    poolFor(request) {
      const kept = keptFor(request);
      if (kept !== undefined) kept.wasUsed = true;
      return kept?.pool;
    },
    async close() {
      clearInterval(sweeping);
      const closing = [...pools.values()].map(({ pool }) => pool.destroy());
      pools.clear();
      found = new WeakMap();
      await Promise.all(closing);
    },
  };
}
