import { Agent, type ClientRequest, request } from 'node:http';
import { request as requestOverTls } from 'node:https';
import { WebSocket } from 'ws';
import { createTunnelAgent } from '../harness/tunnel-agent.ts';

export const waysIn = ['base URL', 'absolute form', 'tunnel'] as const;
export type WayIn = (typeof waysIn)[number];

/** How an agent reaches the vendor through its sidecar. Paths are `/<credential>/<what>/<agent>`. */
export interface WaysIn {
  /** Not ended. Connections are kept and shared, or new. */
  call(way: WayIn, credential: string, what: string, signal: AbortSignal, isKept?: boolean): ClientRequest;
  /** ws:// to the base URL, or wss:// inside a tunnel. */
  socket(way: 'base URL' | 'tunnel', credential: string): WebSocket;
  close(): void;
}

export interface WaysInOptions {
  readonly agent: string;
  readonly vendorUrl: string;
  /** Asked each time: a sidecar that was killed comes back on another port, with another CA. */
  readonly proxyPort: () => number;
  readonly caPem: () => Buffer;
}

const timeout = 10_000;

export function createWaysIn({ agent, vendorUrl, proxyPort, caPem }: WaysInOptions): WaysIn {
  const vendor = new URL(vendorUrl);
  const plain = new Agent({ keepAlive: true, maxSockets: 64 });
  const tunnels = createTunnelAgent(proxyPort, caPem);
  const pathOf = (credential: string, what: string) => `/${credential}/${what}/${agent}`;
  return {
    call(way, credential, what, signal, isKept = true) {
      const path = pathOf(credential, what);
      if (way === 'tunnel') return requestOverTls({ host: vendor.hostname, port: vendor.port, path, agent: tunnels, timeout, signal });
      const own = { host: '127.0.0.1', port: proxyPort(), agent: isKept && plain, timeout, signal };
      if (way === 'base URL') return request({ ...own, path: `/${credential}${path}` });
      return request({ ...own, path: `http://${vendor.host}${path}`, headers: { host: vendor.host } });
    },
    socket(way, credential) {
      const path = pathOf(credential, 'live');
      if (way === 'tunnel') return new WebSocket(`wss://${vendor.host}${path}`, { agent: tunnels });
      return new WebSocket(`ws://127.0.0.1:${proxyPort()}/${credential}${path}`);
    },
    close() {
      plain.destroy();
      tunnels.destroy();
    },
  };
}
