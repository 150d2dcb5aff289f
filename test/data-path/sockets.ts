import { once } from 'node:events';
import { connect, createServer, type Server, Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** One side of a connection, byte by byte. */
export interface Peer {
  readonly socket: Socket;
  /** Everything received so far, as latin1. */
  received: string;
  write(text: string | Buffer): void;
  /** Resolves once what was received matches; throws when the connection ends without it, or after 10 s. */
  until(pattern: RegExp): Promise<string>;
  /** Resolves when the connection is gone: whether by an orderly end (FIN) or not, and all that was received. */
  closed(): Promise<{ readonly isReset: boolean; readonly received: string }>;
}

export function peerOf(socket: Socket): Peer {
  let isReset = false;
  const peer: Peer = {
    socket,
    received: '',
    write: (text) => socket.write(text),
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const done = (act: () => void) => {
          clearTimeout(timer);
          socket.off('data', look).off('close', look);
          act();
        };
        const look = () => {
          if (pattern.test(peer.received)) done(() => resolve(peer.received));
          else if (socket.destroyed) done(() => reject(new Error(`ended without ${pattern}: ${peer.received}`)));
        };
        const timer = setTimeout(() => done(() => reject(new Error(`no ${pattern}: ${peer.received}`))), 10_000);
        socket.on('data', look).on('close', look);
        look();
      }),
    closed: async () => {
      // Not `once` of node:events, which fails on the very error that this is to tell.
      if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
      return { isReset, received: peer.received };
    },
  };
  socket.on('data', (chunk) => {
    peer.received += chunk.toString('latin1');
  });
  socket.on('error', (error) => {
    isReset = 'code' in error && error.code === 'ECONNRESET';
  });
  return peer;
}

/** A connection to the proxy. */
export async function openPeer(port: number): Promise<Peer> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return peerOf(socket);
}

/** Sends bytes and reads until the connection ends. */
export async function exchangeBytes(port: number, text: string | Buffer): Promise<string> {
  const peer = await openPeer(port);
  peer.write(text);
  return (await peer.closed()).received;
}

export interface ScriptedUpstream {
  readonly port: number;
  /** All connections so far, oldest first. */
  readonly peers: Peer[];
  /** Resolves with the nth connection (from 0) once it is there. */
  peer(index: number): Promise<Peer>;
  /** What all connections received, one text each. */
  readonly received: readonly string[];
  close(): Promise<void>;
}

/** Called with each connection: answers by hand. */
export type Script = (peer: Peer) => void;

export const plainOk: Script = (peer) => answerEach(peer, 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');

/** Answers each bodyless request with the same bytes. */
export function answerEach(peer: Peer, answer: string | Buffer): void {
  let unread = '';
  peer.socket.on('data', (chunk) => {
    const parts = (unread + chunk.toString('latin1')).split('\r\n\r\n');
    unread = parts.pop() ?? '';
    for (const _ of parts) peer.write(answer);
  });
}

export async function startUpstream(script: Script, tls?: TlsOptions): Promise<ScriptedUpstream> {
  const peers: Peer[] = [];
  const waiting: (() => void)[] = [];
  const accept = (socket: Socket) => {
    const peer = peerOf(socket);
    peers.push(peer);
    script(peer);
    for (const wake of waiting.splice(0)) wake();
  };
  const server: Server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept);
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    peers,
    peer: async (index) => {
      for (;;) {
        const peer = peers[index];
        if (peer !== undefined) return peer;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    get received() {
      return peers.map(({ received }) => received);
    },
    close: async () => {
      for (const { socket } of peers) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Status, headers (lower case) and body of one answer with a length or chunks, as the tests compare them. */
export function parseAnswer(text: string): {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
} {
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return { status: Number(statusLine.split(' ')[1]), headers, body: text.slice(end + 4) };
}

/** The connections that a server of this process has open at this port. Node has no public list of them. */
export function openSockets(localPort: number): Socket[] {
  const handles: unknown = Reflect.get(process, '_getActiveHandles');
  const open: unknown[] = typeof handles === 'function' ? handles.call(process) : [];
  return open.filter((each): each is Socket => each instanceof Socket && each.localPort === localPort);
}
