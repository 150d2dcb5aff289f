import type { Socket } from 'node:net';
import { listening } from '@leasehold/runtime';
import type { LeafIssuer } from '../../ports/leaf-issuer.ts';
import { type ConnectTunnelOptions, serveConnect } from './connect-tunnel.ts';
import { createH2Connections } from './h2-connections.ts';
import { createHttpConnections, type HttpConnectionsOptions } from './http-connections.ts';
import { createLeafContexts } from './leaf-contexts.ts';
import { type RedirectListenerOptions, type RedirectPorts, startRedirects } from './redirect-listener.ts';
import { createTlsTerminator, type TlsTerminatorOptions } from './tls-terminator.ts';
import { createTunnelOpener, type TunnelOpenerOptions } from './tunnel-opener.ts';

/** Time limits and bounds; each has a default. */
export interface ProxyLimits
  extends Pick<HttpConnectionsOptions, 'headTimeoutMs' | 'bodyIdleMs'>,
    Pick<ConnectTunnelOptions, 'firstByteTimeoutMs'>,
    Pick<TunnelOpenerOptions, 'blindIdleMs'>,
    Pick<TlsTerminatorOptions, 'handshakeTimeoutMs'> {
  /** Of each listener. */
  readonly maxConnections: number;
  /** Hosts whose certificates are kept ready. */
  readonly maxLeafHosts: number;
}

export interface ProxyOptions
  extends Pick<HttpConnectionsOptions, 'serviceFor' | 'onRefused' | 'tls' | 'ownNames'>,
    Pick<TunnelOpenerOptions, 'dialBlind'>,
    Partial<ProxyLimits> {
  readonly host: string;
  /** 0 means any free one. */
  readonly port: number;
  readonly issuer: LeafIssuer;
  readonly onTlsRejected: TlsTerminatorOptions['onRejected'];
  /** Looks at each connection that comes in; it may destroy it. */
  readonly onAccepted?: ((socket: Socket) => void) | undefined;
  /** Takes redirected connections too. */
  readonly redirect?: Pick<RedirectListenerOptions, 'ports' | 'service' | 'isOurs'> | undefined;
}

export interface ProxyPorts {
  readonly port: number;
  readonly redirect: RedirectPorts;
}

const defaults: ProxyLimits = {
  headTimeoutMs: 20_000,
  bodyIdleMs: 120_000,
  firstByteTimeoutMs: 20_000,
  handshakeTimeoutMs: 10_000,
  blindIdleMs: 900_000,
  maxConnections: 10_000,
  maxLeafHosts: 500,
};

/** Listens for agents. */
export async function startProxy(options: ProxyOptions, ended: AbortSignal): Promise<ProxyPorts> {
  const settled = { ...defaults, ...options };
  const connections = createHttpConnections(settled);
  connections.server.maxConnections = settled.maxConnections;
  connections.server.on('connection', (socket) => {
    // What is served inside of a connection came in with it.
    if (connections.inboundOf(socket).kind === 'open') options.onAccepted?.(socket);
  });
  const contextFor = createLeafContexts({ issuer: options.issuer, maxHosts: settled.maxLeafHosts, now: Date.now });
  const acceptH2 = createH2Connections(settled).accept;
  const endTls = createTlsTerminator({ ...settled, contextFor, accept: connections.accept, acceptH2, onRejected: options.onTlsRejected });
  const open = createTunnelOpener(settled);
  serveConnect({ ...settled, connections, open, endTls });
  const { port } = await listening(connections.server, { host: options.host, port: options.port, what: 'proxy' }, ended);
  if (options.redirect === undefined) return { port, redirect: { http: undefined, tls: undefined } };
  return { port, redirect: await startRedirects({ ...settled, ...options.redirect, connections, open, endTls }, ended) };
}
