import type { Upstream } from '../../ports/upstream.ts';
import { createConnectionPool, type PoolOptions } from './connection-pool.ts';
import { DispatchedExchange } from './dispatched-exchange.ts';
import { createKeyedPools, type KeyedPoolsOptions } from './keyed-pools.ts';
import { nothingSent, tooManyPools } from './upstream-errors.ts';

export interface UndiciUpstreamOptions extends PoolOptions, KeyedPoolsOptions {}

/** HTTP/1.1 to vendors by undici's `dispatch`, with a hand-written handler: the fastest way that Node offers (docs/adr/0005-data-path.md). */
export function createUndiciUpstream(options: UndiciUpstreamOptions): Upstream {
  const pools = createKeyedPools(options, (destination, host) => createConnectionPool(destination, host, options));
  return {
    send(request, on) {
      const pool = pools.poolFor(request);
      if (pool === undefined) {
        on.failed(tooManyPools());
        return nothingSent;
      }
      const exchange = new DispatchedExchange(pool, request, on);
      pool.enter(exchange);
      return exchange;
    },
    close: pools.close,
  };
}
