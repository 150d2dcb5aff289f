import type { Upstream } from '../../ports/upstream.ts';
import { createH2Upstream } from './h2-upstream.ts';
import { createUndiciUpstream, type UndiciUpstreamOptions } from './undici-upstream.ts';
import { createWebSocketUpstream, type WebSocketUpstreamOptions } from './websocket-upstream.ts';

export interface UpstreamOptions extends UndiciUpstreamOptions, WebSocketUpstreamOptions {}

/** The vendors, each spoken to by what carries the request. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const http1 = createUndiciUpstream(options);
  const byProtocol = { 'http/1.1': http1, h2: createH2Upstream(options, http1), websocket: createWebSocketUpstream(options) };
  return {
    send: (request, on) => byProtocol[request.protocol].send(request, on),
    close: async () => {
      await Promise.all(Object.values(byProtocol).map((upstream) => upstream.close()));
    },
  };
}
