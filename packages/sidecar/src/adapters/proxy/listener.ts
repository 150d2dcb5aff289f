import type { AddressInfo } from 'node:net';
import { listening } from '@leasehold/runtime';
import type { LeafIssuer } from '../../ports/leaf-issuer.ts';
import { type ConnectTunnelOptions, serveConnect } from './connect-tunnel.ts';
import { createHttpConnections, type HttpConnectionsOptions } from './http-connections.ts';
import { createLeafContexts } from './leaf-contexts.ts';
import { createTlsTerminator, type TlsTerminatorOptions } from './tls-terminator.ts';

/** Time limits and bounds; each has a default. */
export interface ProxyLimits
  extends Pick<HttpConnectionsOptions, 'headTimeoutMs' | 'bodyIdleMs'>,
    Pick<ConnectTunnelOptions, 'firstByteTimeoutMs' | 'blindIdleMs'>,
    Pick<TlsTerminatorOptions, 'handshakeTimeoutMs'> {
  readonly maxConnections: number;
  /** Hosts whose certificates are kept ready. */
  readonly maxLeafHosts: number;
}

export interface ProxyOptions
  extends Pick<HttpConnectionsOptions, 'serviceFor' | 'onRefused' | 'tls' | 'ownNames'>,
    Pick<ConnectTunnelOptions, 'dialBlind'>,
    Partial<ProxyLimits> {
  readonly host: string;
  /** 0 means any free one. */
  readonly port: number;
  readonly issuer: LeafIssuer;
  readonly onTlsRejected: TlsTerminatorOptions['onRejected'];
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
export async function startProxy(options: ProxyOptions, ended: AbortSignal): Promise<AddressInfo> {
  const settled = { ...defaults, ...options };
  const connections = createHttpConnections(settled);
  connections.server.maxConnections = settled.maxConnections;
  const contextFor = createLeafContexts({ issuer: options.issuer, maxHosts: settled.maxLeafHosts, now: Date.now });
  const endTls = createTlsTerminator({ ...settled, contextFor, accept: connections.accept, onRejected: options.onTlsRejected });
  serveConnect({ ...settled, connections, endTls });
  return listening(connections.server, { host: options.host, port: options.port, what: 'proxy' }, ended);
}
