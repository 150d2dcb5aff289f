import { createServer, type Server } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Connections, createConnections } from './connections.ts';
import { createHandshakeQueue, type TlsPair } from './handshake-queue.ts';

/**
 * The way in to a port that speaks TLS alone: connections are bounded, and their handshakes wait for their turn. TLS is ended here, because neither
 * the gRPC server nor Node's has such limits: what they are given is secure already.
 */
export interface TlsEntrance {
  /** Not listening yet. */
  readonly listener: Server;
  readonly connections: Connections;
  /** New connections get this certificate; those that are open stay. */
  use(tls: TlsPair): void;
}

export interface EntranceLimits {
  readonly maxConnections: number;
  /** As in `ConnectionsOptions`. */
  readonly maxSafePerOwner: number;
  /** TLS handshakes under way at once; a crowd that reconnects waits for its turn. */
  readonly maxHandshakes: number;
  /** A handshake that takes longer is cut, ms. */
  readonly handshakeTimeoutMs: number;
  /** As in `ConnectionsOptions`. */
  readonly giveWayAfterMs: number;
  readonly proveWithinMs: number;
}

export interface TlsEntranceOptions extends EntranceLimits {
  readonly tls: TlsPair;
  /** What is spoken inside, as ALPN names it. */
  readonly protocol: 'h2' | 'http/1.1';
  readonly onSecure: (socket: TLSSocket) => void;
}

const handshakePatienceMs = 250;

export function createTlsEntrance(options: TlsEntranceOptions): TlsEntrance {
  const { tls, protocol, maxConnections, maxSafePerOwner, maxHandshakes, handshakeTimeoutMs, giveWayAfterMs, proveWithinMs, onSecure } =
    options;
  const handshakes = createHandshakeQueue({
    tls,
    protocol,
    atOnce: maxHandshakes,
    patienceMs: handshakePatienceMs,
    timeoutMs: handshakeTimeoutMs,
    onBegin: (peer) => connections.begun(peer),
    onSecure,
  });
  const connections = createConnections({
    max: maxConnections,
    maxSafePerOwner,
    giveWayAfterMs,
    proveWithinMs,
    now: () => performance.now(),
    onAdmitted: (socket) => handshakes.admit(socket),
  });
  const listener = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    connections.admit(socket);
  });
  return { listener, connections, use: handshakes.use };
}
