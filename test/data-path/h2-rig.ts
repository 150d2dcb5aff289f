import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createSecureServer,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Stream,
  sensitiveHeaders,
} from 'node:http2';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Route } from '@leasehold/core';
import { createTestCa, type TestCa } from '../harness/certificates.ts';
import { type DataPath, type DataPathChanges, routeTo, startDataPath } from './rig.ts';
import { openTunnel } from './tunnels.ts';

/** A vendor's HTTP/2 server over TLS, and clients that come to it through tunnels. */
export interface H2Rig {
  readonly path: DataPath;
  readonly vendorPort: number;
  /** `localhost:PORT` of the vendor. */
  readonly authority: string;
  /** The vendor's connections so far. */
  readonly vendorSockets: readonly Socket[];
  /** A client's connection, by ALPN h2. */
  connect(): Promise<ClientHttp2Session>;
  /** The same, for a client that writes its own frames. */
  connectRaw(): Promise<Socket>;
  close(): Promise<void>;
}

export interface H2RigOptions {
  /** `neverIndexed`: the headers that came as never to be indexed (RFC 7541 section 6.2.3). */
  readonly onStream?: (stream: ServerHttp2Stream, rawHeaders: readonly string[], neverIndexed: readonly string[]) => void;
  readonly route?: Partial<Route>;
  readonly vendor?: SecureServerOptions;
  readonly path?: DataPathChanges;
  /** In place of the vendor that this would start. */
  readonly vendorPort?: number;
  readonly ca?: TestCa;
}

export async function startH2Rig(options: H2RigOptions = {}): Promise<H2Rig> {
  const ca = options.ca ?? (await createTestCa());
  const { certPem: cert, keyPem: key } = await ca.issue(['localhost']);
  const vendorSockets: Socket[] = [];
  const vendor = createSecureServer({ cert, key, ...options.vendor });
  vendor.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _: unknown, rawHeaders: readonly string[]) => {
    stream.on('error', () => undefined);
    options.onStream?.(stream, rawHeaders, neverIndexedOf(headers));
  });
  vendor.on('secureConnection', (socket) => vendorSockets.push(socket));
  vendor.on('sessionError', () => undefined);
  vendor.listen(0, '127.0.0.1');
  await once(vendor, 'listening');
  const vendorPort = options.vendorPort ?? portOf(vendor.address());
  const authority = `localhost:${vendorPort}`;

  const path = await startDataPath(options.path);
  path.route(routeTo(`https://${authority}`, { ...options.route, destination: { caPem: ca.caPem } }));
  const sockets: Socket[] = [];
  const connectRaw = async () => {
    const tunnel = await openTunnel(path.port, authority);
    tunnel.socket.removeAllListeners('data');
    const socket = connectTls({ socket: tunnel.socket, servername: 'localhost', ca: path.caPem, ALPNProtocols: ['h2'] });
    sockets.push(socket);
    await once(socket, 'secureConnect');
    return socket;
  };
  return {
    path,
    vendorPort,
    authority,
    vendorSockets,
    connectRaw,
    connect: async () => {
      const socket = await connectRaw();
      const session = connect(`https://${authority}`, { createConnection: () => socket });
      session.on('error', () => undefined);
      return session;
    },
    close: async () => {
      for (const socket of [...sockets, ...vendorSockets]) socket.destroy();
      vendor.close();
      await path.close();
    },
  };
}

export interface H2Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
  readonly trailers: Readonly<Record<string, unknown>>;
  /** Of the reset that ended the stream, 0 for none. */
  readonly resetCode: number;
}

/** All that comes back on a stream. Never rejects. */
export async function answerTo(stream: ClientHttp2Stream): Promise<H2Answer> {
  let headers: Record<string, unknown> = {};
  let trailers: Record<string, unknown> = {};
  let body = '';
  stream.on('response', (received) => {
    headers = { ...received };
  });
  stream.on('trailers', (received) => {
    trailers = { ...received };
  });
  stream.on('data', (chunk: Buffer) => {
    body += chunk.toString('latin1');
  });
  stream.on('error', () => undefined);
  if (!stream.closed || !stream.destroyed) await new Promise((resolve) => stream.once('close', resolve));
  return { status: Number(headers[':status'] ?? 0), headers, body, trailers, resetCode: stream.rstCode ?? 0 };
}

/** Node's types know no symbols on headers. */
function neverIndexedOf(headers: IncomingHttpHeaders): readonly string[] {
  const names: unknown = Reflect.get(headers, sensitiveHeaders);
  return Array.isArray(names) ? names : [];
}

function portOf(address: ReturnType<Socket['address']> | string | null): number {
  if (address === null || typeof address === 'string' || !('port' in address) || address.port === undefined) throw new Error('no port');
  return address.port;
}
