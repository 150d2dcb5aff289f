import { AppError, type Destination } from '@leasehold/core';
import type { OutgoingExchange, OutgoingRequest, Upstream } from '../../ports/upstream.ts';
import { type ConnectionPool, createConnectionPool, type PoolOptions } from './connection-pool.ts';
import { DispatchedExchange } from './dispatched-exchange.ts';

export interface UndiciUpstreamOptions extends PoolOptions {
  readonly maxPools: number;
  /** How long an unused pool is kept, ms. */
  readonly idlePoolMs: number;
}

interface KeptPool {
  readonly pool: ConnectionPool;
  /** Since the last look. */
  wasUsed: boolean;
}

/** What was found last for a destination: nearly always what is looked for next. */
interface Found {
  readonly credentialId: string;
  readonly version: number;
  readonly host: string;
  readonly kept: KeptPool;
}

/** HTTP/1.1 to vendors by undici's `dispatch`, with a hand-written handler: the fastest way that Node offers (docs/adr/0005-data-path.md). */
export function createUndiciUpstream(options: UndiciUpstreamOptions): Upstream {
  const pools = new Map<string, KeptPool>();
  let found = new WeakMap<Destination, Found>();

  const sweeping = setInterval(() => {
    for (const [key, kept] of pools) {
      if (!kept.wasUsed && kept.pool.isIdle) remove(key, kept);
      kept.wasUsed = false;
    }
  }, options.idlePoolMs);
  sweeping.unref();

  function remove(key: string, { pool }: KeptPool): void {
    pools.delete(key);
    // It may be remembered under any destination that was alike.
    found = new WeakMap();
    // Owned: idle connections close at once, and nothing of them is waited for.
    pool.destroy().catch(() => undefined);
  }

  function poolFor(request: OutgoingRequest): KeptPool | undefined {
    const { credentialId, version, destination, host } = request;
    const last = found.get(destination);
    if (last !== undefined && last.credentialId === credentialId && last.version === version && last.host === host) return last.kept;
    const { scheme, port, caPem = '', privateCidrs } = destination;
    // Whom to trust and where to dial belong to the connection as much as its name does.
    const key = [credentialId, version, scheme, host, port, privateCidrs.join(), caPem].join(' ');
    const kept = pools.get(key) ?? make(key, destination, host);
    if (kept !== undefined) found.set(destination, { credentialId, version, host, kept });
    return kept;
  }

  function make(key: string, destination: Destination, host: string): KeptPool | undefined {
    if (pools.size >= options.maxPools) {
      const idle = [...pools].find(([, { pool }]) => pool.isIdle);
      if (idle === undefined) return undefined;
      remove(...idle);
    }
    const kept = { pool: createConnectionPool(destination, host, options), wasUsed: true };
    pools.set(key, kept);
    return kept;
  }

  return {
    send(request, on) {
      const kept = poolFor(request);
      if (kept === undefined) {
        on.failed(tooManyPools());
        return nothingSent;
      }
      kept.wasUsed = true;
      const exchange = new DispatchedExchange(kept.pool, request, on);
      kept.pool.enter(exchange);
      return exchange;
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

const nothingSent: OutgoingExchange = { abort: () => undefined, pause: () => undefined, resume: () => undefined };

function tooManyPools(): AppError {
  return new AppError('overloaded', 'The sidecar has connections to as many upstreams as it may. Try again in a moment.', {
    retryAfterS: 1,
  });
}
