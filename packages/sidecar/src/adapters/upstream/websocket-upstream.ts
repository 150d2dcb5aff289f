import type { Destination } from '@leasehold/core';
import type { Upstream } from '../../ports/upstream.ts';
import { type ConnectOptions, createDial, type Dial } from './connect.ts';
import { createHttpProxies } from './http-proxy.ts';
import { closing } from './upstream-errors.ts';
import { WebSocketExchange, type WebSocketTimes } from './websocket-exchange.ts';

export interface WebSocketUpstreamOptions extends ConnectOptions, WebSocketTimes {}

/** WebSockets to vendors by the `http-proxy` library, over connections of our own making. Each is bounded by a connection of its agent's. */
export function createWebSocketUpstream(options: WebSocketUpstreamOptions): Upstream {
  const newProxy = createHttpProxies();
  const open = new Set<WebSocketExchange>();
  const dials = new WeakMap<Destination, { readonly host: string; readonly dial: Dial }>();

  /** The last one of a destination is kept: to parse its CA costs more than a handshake. */
  function dialTo(destination: Destination, host: string): Dial {
    const known = dials.get(destination);
    if (known?.host === host) return known.dial;
    const dial = createDial(destination, host, options);
    dials.set(destination, { host, dial });
    return dial;
  }

  return {
    send(request, on) {
      const exchange: WebSocketExchange = new WebSocketExchange(newProxy(), request, on, options, () => open.delete(exchange));
      open.add(exchange);
      exchange.begin(dialTo(request.destination, request.host));
      return exchange;
    },
    close() {
      for (const exchange of open) exchange.close(closing());
      return Promise.resolve();
    },
  };
}
