import type { Upstream } from '../../ports/upstream.ts';
import { H2Exchange } from './h2-exchange.ts';
import { createH2Pool } from './h2-pool.ts';
import { createKeyedPools } from './keyed-pools.ts';
import type { UndiciUpstreamOptions } from './undici-upstream.ts';
import { nothingSent, tooManyPools } from './upstream-errors.ts';

/** HTTP/2 to vendors that offer it, by Node's client; `http1` serves those that don't, and all that is not TLS. */
export function createH2Upstream(options: UndiciUpstreamOptions, http1: Upstream): Upstream {
  const pools = createKeyedPools(options, (destination, host) => createH2Pool(destination, host, options));
  return {
    send(request, on) {
      if (request.destination.scheme !== 'https') return http1.send(request, on);
      const pool = pools.poolFor(request);
      if (pool === undefined) {
        on.failed(tooManyPools());
        return nothingSent;
      }
      const exchange = new H2Exchange(pool, http1, options.headersTimeoutMs, request, on);
      pool.enter(exchange);
      return exchange;
    },
    close: pools.close,
  };
}
