import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import { AppError, type Authority, canonicalHost, formatAuthority } from '@leasehold/core';
import type { AgentService } from '../../ports/agent-service.ts';
import type { TlsRejection } from '../../ports/tls-rejections.ts';
import type { H2Connections } from './h2-connections.ts';
import type { HttpConnections } from './http-connections.ts';
import type { SettledInbound } from './inbound.ts';
import type { LeafContexts } from './leaf-contexts.ts';

export interface TlsTerminatorOptions {
  readonly contextFor: LeafContexts;
  readonly accept: HttpConnections['accept'];
  /** For clients that have chosen HTTP/2 by ALPN. */
  readonly acceptH2: H2Connections['accept'];
  /** How long an agent may take for its handshake, ms. */
  readonly handshakeTimeoutMs: number;
  /** A client did not take our certificate: it said so, or it left without a word once it had seen it. */
  readonly onRejected: (host: string, how: TlsRejection) => void;
}

/** A browser closes connections that it opened to be prepared, too, but later. */
const silentLeaveMs = 1_000;

/** Ends the TLS of a connection to an authority that a route allows, and serves what is inside. */
export type EndTls = (socket: Socket, authority: Authority, service: AgentService) => void;

export function createTlsTerminator({ contextFor, accept, acceptH2, handshakeTimeoutMs, onRejected }: TlsTerminatorOptions): EndTls {
  /** A certificate that can't be made costs this connection, and not the process: nobody above is left to catch. */
  function contextOrNone(host: string): SecureContext | undefined {
    try {
      return contextFor(host);
    } catch {
      return undefined;
    }
  }

  return (socket, authority, service) => {
    const secureContext = contextOrNone(authority.host);
    if (secureContext === undefined) {
      socket.destroy();
      return;
    }
    const tls = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: ['h2', 'http/1.1'] });
    const timer = setTimeout(() => tls.destroy(), handshakeTimeoutMs);
    let secureAtMs: number | undefined;

    tls.on('error', (error: NodeJS.ErrnoException) => {
      if (secureAtMs === undefined && isCertificateAlert(error)) onRejected(authority.host, 'alert');
    });
    // What goes wrong after the handshake is told by this event alone to who is not a tls.Server.
    tls.on('_tlsError', () => tls.destroy());
    tls.once('end', () => {
      // Some clients, Node among them, leave without a word when they don't like the certificate: before or just after the end of the handshake.
      const isEarly = secureAtMs === undefined || performance.now() - secureAtMs < silentLeaveMs;
      if (isEarly && tls.bytesRead === 0) onRejected(authority.host, 'silent');
      if (secureAtMs === undefined) tls.destroy();
    });
    tls.once('close', () => clearTimeout(timer));
    tls.once('secure', () => {
      secureAtMs = performance.now();
      clearTimeout(timer);
      // A tls.Server would say so; Node's HTTP/2 waits for it.
      Object.assign(tls, { secureConnecting: false });
      const inbound = inboundOf(tls, authority, service);
      if (tls.alpnProtocol === 'h2') acceptH2(tls, inbound);
      else accept(tls, inbound);
    });
  };
}

/** INV-8: the name that TLS was made for is the tunnel's. A client that sends none sees from the certificate whom it talks to. */
function inboundOf(
  { servername }: TLSSocket & { readonly servername?: unknown },
  authority: Authority,
  service: AgentService,
): SettledInbound {
  if (typeof servername !== 'string' || canonicalHost(servername) === authority.host) return { kind: 'tunnel', authority, service };
  const error = new AppError(
    'authority_mismatch',
    `This tunnel is for ${formatAuthority(authority)}, and the TLS inside it was made for another name. Open a tunnel to the host that is meant.`,
  );
  return { kind: 'misdirected', error };
}

function isCertificateAlert({ code }: NodeJS.ErrnoException): boolean {
  return code !== undefined && /ALERT_(?:UNKNOWN_CA|[A-Z_]*CERTIFICATE[A-Z_]*)$/.test(code);
}
