import { once } from 'node:events';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { secretValue } from '../data-path/rig.ts';
import { createTestCa } from '../harness/certificates.ts';
import { type Chance, drip, mangle, pause } from './chance.ts';

/** Vendors that answer as they please, hand back what they were given, and leave when they like. */
export interface HostileVendors {
  readonly plainPort: number;
  readonly tlsPort: number;
  readonly h2Port: number;
  readonly caPem: string;
  /** Connections that are open. */
  readonly open: ReadonlySet<Socket>;
  close(): void;
}

export async function startHostileVendors(chance: Chance): Promise<HostileVendors> {
  const ca = await createTestCa('hostile vendors');
  const { certPem: cert, keyPem: key } = await ca.issue(['localhost']);
  const open = new Set<Socket>();
  const keep = (socket: Socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket)).on('error', () => undefined);
  };
  const serve = (socket: Socket) => {
    keep(socket);
    socket.on('data', () => answerByHttp1(socket, chance));
  };
  const plain = createServer(serve);
  const tls = createTlsServer({ cert, key }, serve);
  const h2 = createSecureServer({ cert, key });
  h2.on('secureConnection', keep);
  h2.on('session', (session) => session.on('error', () => undefined));
  h2.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined).resume();
    // What a stream does not allow any more is not done.
    answerByHttp2(stream, chance).catch(() => undefined);
  });
  for (const server of [tls, h2]) server.on('tlsClientError', () => undefined).on('sessionError', () => undefined);
  const [plainPort = 0, tlsPort = 0, h2Port = 0] = await Promise.all([plain, tls, h2].map(listen));
  return {
    plainPort,
    tlsPort,
    h2Port,
    caPem: ca.caPem,
    open,
    close: () => {
      for (const server of [plain, tls, h2]) server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return address !== null && typeof address !== 'string' ? address.port : 0;
}

function answerByHttp1(socket: Socket, chance: Chance): void {
  const whim = chance.below(100);
  if (whim < 3) socket.destroy();
  else if (whim < 5) socket.end();
  else if (whim < 90) void drip(socket, mangle(Buffer.from(answer(chance)), chance, 0.15), chance);
}

const extras = [
  '',
  `x-echo: ${secretValue}\r\n`,
  'connection: close\r\n',
  'content-encoding: gzip\r\n',
  'content-encoding: br\r\n',
  'set-cookie: a=b\r\nset-cookie: c=d\r\n',
  `location: https://localhost/x?key=${secretValue}\r\n`,
  'upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: x\r\n',
  'x-content-type-options: nosniff\r\nx-content-type-options: nosniff\r\netag: "a"\r\netag: "b"\r\n',
  'constructor: a\r\n__proto__: b\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n',
  'access-control-expose-headers: content-length\r\n',
] as const;

/** Some of them mean something to JavaScript, or to HTTP. */
const trailerNames = ['x-trailer', 'constructor', '__proto__', 'http2-settings', 'te', 't', 'content-length', 'toString'] as const;

function answer(chance: Chance): string {
  const body = chance.pick(['', 'ok', secretValue, `{"key":"${secretValue}"}`, 'x'.repeat(chance.below(40_000))]);
  const head = `HTTP/1.1 ${chance.pick([200, 200, 204, 304, 301, 500, 100, 101, 103, 199])} X\r\n${chance.pick(extras)}`;
  switch (chance.below(4)) {
    case 0:
      return `${head}content-length: ${body.length}\r\n\r\n${body}`;
    case 1:
      return `${head}transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n${chance.pick(trailerNames)}: ${secretValue}\r\n\r\n`;
    case 2:
      return `${`HTTP/1.1 103 Early Hints\r\nlink: <${secretValue}>\r\n\r\n`.repeat(chance.pick([1, 2, 40]))}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`;
    default:
      return `${head}\r\n${body}`;
  }
}

function trailers(chance: Chance): Record<string, string> {
  return Object.assign(Object.create(null), { [chance.pick(['x-trailer', 'constructor', '__proto__', 't'])]: secretValue });
}

async function answerByHttp2(stream: ServerHttp2Stream, chance: Chance): Promise<void> {
  await pause(chance.in(0.3) ? chance.below(20) : 0);
  const whim = chance.below(14);
  if (whim === 0) return stream.close(chance.below(14));
  if (whim === 1) return stream.session?.goaway(chance.below(3));
  if (whim === 2) return stream.session?.destroy();
  if (whim === 3) return;
  if (whim === 4) stream.additionalHeaders({ ':status': 103, link: `<${secretValue}>` });
  const coding = chance.pick([{}, {}, {}, { 'content-encoding': 'gzip' }, { 'grpc-encoding': 'gzip' }]);
  stream.on('wantTrailers', () => stream.sendTrailers(trailers(chance)));
  const head = { ':status': chance.pick([200, 200, 204, 304, 500]), 'x-echo': secretValue, ...coding };
  stream.respond(head, { waitForTrailers: whim === 5, endStream: whim === 6 });
  if (whim === 6) return;
  stream.write(chance.pick([secretValue, 'y'.repeat(chance.below(70_000))]));
  await pause(chance.below(10));
  if (whim === 7) stream.close(0);
  else if (whim > 8) stream.end(secretValue);
}
