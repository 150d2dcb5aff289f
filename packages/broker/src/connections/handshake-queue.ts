import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { peerOf } from './connections.ts';
import { networkOf } from './network-of.ts';

/** Lets connections in through TLS, a few at a time. */
export interface HandshakeQueue {
  admit(socket: Socket): void;
  /** Handshakes that begin from now on are made with this. */
  use(tls: TlsPair): void;
}

export interface TlsPair {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface HandshakeQueueOptions {
  readonly tls: TlsPair;
  /** What is spoken inside, as ALPN names it. */
  readonly protocol: string;
  /** Handshakes under way at once. Each costs a millisecond or two: a crowd that reconnects must not hold the event loop against those inside. */
  readonly atOnce: number;
  /** After this the next one begins, whatever becomes of this one: who dawdles holds up nobody. */
  readonly patienceMs: number;
  /** A handshake that takes longer is cut. */
  readonly timeoutMs: number;
  /** The turn of this peer has come. */
  readonly onBegin: (peer: string) => void;
  readonly onSecure: (socket: TLSSocket) => void;
}

/**
 * Those who wait are bounded by the connections that the listener takes. Networks take turns, and those of one come in the order in which they came: who
 * floods waits behind itself.
 */
export function createHandshakeQueue(options: HandshakeQueueOptions): HandshakeQueue {
  const { tls, protocol, atOnce, patienceMs, timeoutMs, onBegin, onSecure } = options;
  /** By network, the one whose turn it is first. */
  const waiting = new Map<string, Set<Socket>>();
  /** By peer: what makes room for the next. */
  const underWay = new Map<string, () => void>();
  // Never listens: it is handed connections one by one.
  const server = createServer({ ...contextOf(tls), ALPNProtocols: [protocol], handshakeTimeout: timeoutMs }, (secure) => {
    underWay.get(peerOf(secure))?.();
    secure.on('error', () => secure.destroy());
    onSecure(secure);
  });
  server.on('tlsClientError', (_, secure) => secure.destroy());

  function next(): void {
    for (const [network, sockets] of waiting) {
      if (underWay.size >= atOnce) return;
      const [socket] = sockets;
      waiting.delete(network);
      if (socket === undefined) continue;
      sockets.delete(socket);
      // To the end of the line, where this loop comes to it again.
      if (sockets.size > 0) waiting.set(network, sockets);
      begin(socket);
    }
  }

  function begin(socket: Socket): void {
    const peer = peerOf(socket);
    const makeRoom = () => {
      clearTimeout(patience);
      if (underWay.get(peer) !== makeRoom) return;
      underWay.delete(peer);
      next();
    };
    const patience = setTimeout(makeRoom, patienceMs);
    underWay.set(peer, makeRoom);
    socket.once('close', makeRoom);
    onBegin(peer);
    server.emit('connection', socket);
  }

  return {
    admit(socket) {
      const network = networkOf(`${socket.remoteAddress}`);
      const sockets = waiting.get(network) ?? new Set();
      waiting.set(network, sockets.add(socket));
      socket.once('close', () => sockets.delete(socket));
      next();
    },
    use: (other) => server.setSecureContext(contextOf(other)),
  };
}

/** `setSecureContext` forgets what it isn't told again. */
function contextOf({ certPem, keyPem }: TlsPair): SecureContextOptions {
  return { cert: certPem, key: keyPem, minVersion: 'TLSv1.2' };
}
