import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type Chance, drip, mangle, pause } from './chance.ts';

/** Where an agent may try its luck. */
export interface Targets {
  readonly proxyPort: number;
  /** `HOST:PORT` of vendors that speak HTTP/1.1 and HTTP/2 over TLS. */
  readonly tls: string;
  readonly h2: string;
  /** Where redirected connections are taken: for HTTP and for TLS. */
  readonly redirects: readonly [number, number];
}

/** One connection of an agent that follows no rules. Resolves with all that it was told, once it is gone. */
export async function attack(targets: Targets, chance: Chance): Promise<string> {
  const { proxyPort, redirects } = targets;
  if (chance.in(0.4))
    return overHttp1(toProxy(proxyPort), `127.0.0.1:${proxyPort}`, `/${chance.pick(['plain', 'tls', 'unknown'])}`, chance);
  if (chance.in(0.1)) return redirected(redirects, chance);
  const authority = chance.pick([targets.tls, targets.h2, targets.h2, '127.0.0.1:22', 'unknown.example:443']);
  const tunnel = await openTunnel(proxyPort, authority, chance);
  if (tunnel === undefined) return '';
  if (chance.in(0.1)) return overHttp1(tunnel, authority, '', chance);
  const inside = await secure(tunnel, chance);
  if (inside === undefined) return '';
  if (inside.alpnProtocol !== 'h2') return overHttp1(inside, authority, '', chance);
  return chance.in(0.3) ? byFrames(inside, chance) : overHttp2(inside, authority, chance);
}

/** An agent that knows of no proxy. */
async function redirected([http, tls]: Targets['redirects'], chance: Chance): Promise<string> {
  const host = chance.pick(['localhost', 'unknown.example', '127.0.0.1']);
  if (chance.in(0.5)) return overHttp1(toProxy(http), host, '', chance);
  const inside = await secure(toProxy(tls), chance);
  return inside === undefined ? '' : overHttp1(inside, host, '', chance);
}

function toProxy(port: number): Socket {
  return connect(port, '127.0.0.1').on('error', () => undefined);
}

async function openTunnel(port: number, authority: string, chance: Chance): Promise<Socket | undefined> {
  const socket = toProxy(port);
  socket.write(mangle(Buffer.from(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`), chance, 0.1));
  const head = await firstOf(socket, 'data');
  if (!String(head).startsWith('HTTP/1.1 200')) {
    socket.destroy();
    return undefined;
  }
  socket.removeAllListeners('data');
  return socket;
}

async function secure(socket: Socket, chance: Chance): Promise<TLSSocket | undefined> {
  if (chance.in(0.1)) socket.write(mangle(Buffer.from([0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]), chance, 0.5));
  const tls = connectTls({
    socket,
    servername: chance.pick(['localhost', 'localhost', 'localhost', 'elsewhere.example']),
    // Whom it talks to is not what this is about.
    rejectUnauthorized: false,
    ALPNProtocols: chance.pick([['h2'], ['h2'], ['http/1.1']]),
  }).on('error', () => undefined);
  if ((await firstOf(tls, 'secureConnect')) !== 'gone') return tls;
  tls.destroy();
  return undefined;
}

/** What the event brings, or `gone` when it does not come in time. */
async function firstOf(socket: Socket, event: 'data' | 'secureConnect'): Promise<unknown> {
  const gone = new AbortController();
  const timer = setTimeout(() => gone.abort(), 500);
  socket.once('close', () => gone.abort());
  try {
    const [found] = await once(socket, event, { signal: gone.signal });
    return found;
  } catch {
    return 'gone';
  } finally {
    clearTimeout(timer);
  }
}

/** A few requests, waiting for answers or not, then perhaps half an end, then the end. */
async function overHttp1(socket: Socket, host: string, prefix: string, chance: Chance): Promise<string> {
  let told = '';
  socket.on('data', (chunk: Buffer) => {
    told += chunk.toString('latin1');
    if (chance.in(0.01)) socket.destroy();
  });
  for (let left = 1 + chance.below(3); left > 0; left -= 1) {
    await drip(socket, mangle(Buffer.from(request(host, prefix, chance)), chance, 0.25), chance);
    if (chance.in(0.7)) await pause(chance.below(30));
  }
  // A frame of a WebSocket, whether or not there is one.
  if (chance.in(0.3)) socket.write(mangle(Buffer.from([0x81, 0x85, 1, 2, 3, 4, 1, 2, 3, 4, 5]), chance, 0.5));
  if (chance.in(0.2)) socket.end();
  await pause(chance.below(60));
  socket.destroy();
  return told;
}

const ownHeaders = [
  '',
  'authorization: Bearer mine\r\n',
  'connection: close\r\n',
  'connection: x-own\r\nx-own: 1\r\n',
  'cookie: a=b\r\n',
] as const;
const handshake =
  'connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

function request(host: string, prefix: string, chance: Chance): string {
  const path = prefix + chance.pick(['/x', '/x?a=b', '/a%20b', '/a/../b', '//x', '/x?key=1']);
  const head = (method: string) => `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n${chance.pick(ownHeaders)}`;
  if (chance.in(0.15)) return `${head('GET')}${handshake}\r\n`;
  if (chance.in(0.6)) return `${head(chance.pick(['GET', 'HEAD', 'OPTIONS', 'DELETE']))}\r\n`;
  const body = 'b'.repeat(chance.below(chance.in(0.1) ? 100_000 : 300));
  const length = `content-length: ${body.length + chance.pick([0, 0, 0, 5])}\r\n`;
  const framed = chance.pick([
    `${length}\r\n${body}`,
    `expect: 100-continue\r\n${length}\r\n${body}`,
    `transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
  ]);
  return head(chance.pick(['POST', 'PUT'])) + framed;
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
/** GET / over https, without an authority. */
const getHeaders = Buffer.from([0, 0, 3, 1, 5, 0, 0, 0, 1, 0x82, 0x84, 0x87]);

async function byFrames(socket: TLSSocket, chance: Chance): Promise<string> {
  let told = '';
  socket.on('data', (chunk: Buffer) => {
    told += chunk.toString('latin1');
  });
  socket.write(mangle(Buffer.concat([preface, settings, getHeaders]), chance, 0.8));
  await pause(chance.below(60));
  socket.destroy();
  return told;
}

async function overHttp2(socket: TLSSocket, authority: string, chance: Chance): Promise<string> {
  const session = connectHttp2(`https://${authority}`, { createConnection: () => socket }).on('error', () => undefined);
  const told = await Promise.all(Array.from({ length: 1 + chance.below(5) }, () => overStream(session, chance)));
  session.destroy();
  return told.join('\n');
}

async function overStream(session: ClientHttp2Session, chance: Chance): Promise<string> {
  if (session.destroyed || session.closed) return '';
  let told = '';
  const method = chance.pick(['GET', 'POST', 'HEAD']);
  const grpc = chance.in(0.2) ? { 'content-type': 'application/grpc', te: 'trailers' } : {};
  const head = { ':path': chance.pick(['/x', '/x?y=1', '/a/../b']), ':method': method, ...grpc };
  const stream: ClientHttp2Stream = session.request(head, { endStream: chance.in(0.5) });
  const hear = (what: unknown) => {
    told += JSON.stringify(what);
  };
  stream
    .on('error', () => undefined)
    .on('headers', hear)
    .on('response', hear)
    .on('trailers', hear);
  stream.on('data', (chunk: Buffer) => {
    told += chunk.toString('latin1');
    if (chance.in(0.05)) stream.close(8);
  });
  if (!stream.writableEnded) stream.write('z'.repeat(chance.below(3_000)));
  if (!stream.writableEnded && chance.in(0.7)) stream.end('end');
  await pause(chance.below(150));
  if (!stream.destroyed && chance.in(0.5)) stream.close(8);
  else stream.destroy();
  return told;
}
