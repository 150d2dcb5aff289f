import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';
import { createTestCa } from '../harness/certificates.ts';
import { eventually } from './eventually.ts';
import { type DataPath, routeTo, secretValue, startDataPath } from './rig.ts';
import { openTunnel } from './tunnels.ts';

const masked = '*'.repeat(secretValue.length);
const warnings: string[] = [];
process.on('warning', ({ name, message }) => warnings.push(`${name}: ${message}`));

let path: DataPath;

beforeEach(async () => {
  path = await startDataPath();
});

afterEach(() => path.close());

const outcomes = () => path.uses.map(({ outcome, httpStatus }) => [outcome, httpStatus]);
const settled = () => eventually(() => path.uses.length > 0);

describe('a real client and a real server', () => {
  let server: Server;
  let sockets: WebSocketServer;
  let handshakes: IncomingMessage[];
  let vendorSide: WebSocket[];

  beforeEach(async () => {
    handshakes = [];
    vendorSide = [];
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    sockets = new WebSocketServer({ server, perMessageDeflate: true, maxPayload: 1 << 30 });
    sockets.on('connection', (socket, handshake) => {
      handshakes.push(handshake);
      vendorSide.push(socket);
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary, compress: true }));
    });
    path.route(routeTo(`http://localhost:${portOf(server)}`));
  });

  afterEach(async () => {
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  const connect = async (target = '/api/live?x=1', options: ClientOptions = {}) => {
    const socket = new WebSocket(`ws://127.0.0.1:${path.port}${target}`, options);
    await once(socket, 'open');
    return socket;
  };

  test('the handshake carries our credential and none of the agent’s, and offers no extension', async () => {
    const socket = await connect('/api/live?x=1', { headers: { Authorization: 'Bearer mine', 'X-Api-Key': 'mine', 'X-Kept': 'yes' } });
    const [seen] = handshakes;
    expect(seen?.url).toBe('/live?x=1');
    expect(seen?.headers).toMatchObject({ authorization: `Bearer ${secretValue}`, 'x-kept': 'yes', host: `localhost:${portOf(server)}` });
    expect(seen?.rawHeaders.filter((name) => /^(authorization|x-api-key|sec-websocket-extensions)$/i.test(name))).toHaveLength(1);
    expect(socket.extensions).toBe('');
    socket.close();
    await once(socket, 'close');
    await settled();
    expect(outcomes()).toEqual([['forwarded', 101]]);
    expect(path.leases.held.size).toBe(0);
  });

  test('what policy saw is what goes out, byte by byte', async () => {
    const socket = await connect("/api/a/http:/b'c?d=//e?f");
    expect(handshakes[0]?.url).toBe("/a/http:/b'c?d=//e?f");
    socket.close();
    await once(socket, 'close');
  });

  test('without a lease the answer is the typed refusal, and nothing is dialled', async () => {
    path.leases.values.clear();
    const socket = new WebSocket(`ws://127.0.0.1:${path.port}/api/live`);
    const [, answer] = await once(socket, 'unexpected-response');
    expect([answer.statusCode, answer.headers['x-leasehold-error'], answer.headers.connection]).toEqual([403, 'no_grant', 'close']);
    expect(JSON.parse((await answer.toArray()).join(''))).toMatchObject({ error: { code: 'no_grant' } });
    expect(handshakes).toEqual([]);
  });

  test('texts, bytes, pings and a close with its reason pass both ways', async () => {
    const socket = await connect();
    for (const message of ['hello', 'wörld', '']) {
      socket.send(message);
      const [data, isBinary] = await once(socket, 'message');
      expect([String(data), isBinary]).toEqual([message, false]);
    }
    socket.send(Buffer.from([0, 255, 128]));
    expect((await once(socket, 'message')).slice(0, 2)).toEqual([Buffer.from([0, 255, 128]), true]);
    socket.ping('there?');
    expect(String((await once(socket, 'pong'))[0])).toBe('there?');
    const pinged = once(socket, 'ping');
    vendorSide[0]?.ping('and you?');
    expect(String((await pinged)[0])).toBe('and you?');
    socket.close(4321, 'done');
    const [code, reason] = await once(vendorSide[0] ?? socket, 'close');
    expect([code, String(reason)]).toEqual([4321, 'done']);
  });

  test('many megabytes arrive whole, both ways', async () => {
    const socket = await connect('/api/live', { maxPayload: 1 << 30 });
    const big = Buffer.alloc(32 * 1_048_576, 'leasehold ');
    socket.send(big);
    const [echoed] = await once(socket, 'message');
    expect(big.equals(echoed)).toBe(true);
    socket.close();
    await once(socket, 'close');
  }, 60_000);

  test('INV-10: the value does not come back in a message, not in pieces of one either', async () => {
    const socket = await connect();
    const next = async () => String((await once(socket, 'message'))[0]);
    socket.send(`you said ${secretValue}!`);
    expect(await next()).toBe(`you said ${masked}!`);
    const vendor = vendorSide[0];
    const received = next();
    vendor?.send(secretValue.slice(0, 10), { fin: false });
    vendor?.send(secretValue.slice(10), { fin: true });
    expect(await received).toBe(masked);
    // What could be the beginning of the value does not wait for the next message.
    socket.send('s');
    expect(await next()).toBe('s');
    socket.close();
    await once(socket, 'close');
  });

  test('INV-6: a revocation cuts both sides', async () => {
    const socket = await connect();
    const vendor = vendorSide[0] ?? socket;
    const ends = [once(socket, 'close'), once(vendor, 'close')];
    expect([...path.leases.held].map((held) => held.isStreaming())).toEqual([true]);
    path.leases.revoke();
    expect((await Promise.all(ends)).map(([code]) => code)).toEqual([1006, 1006]);
    expect(outcomes()).toEqual([['lease_revoked', 101]]);
  });

  test('an agent that vanishes takes the vendor’s side with it, and the other way round', async () => {
    const one = await connect();
    const gone = once(vendorSide[0] ?? one, 'close');
    one.terminate();
    await gone;
    const other = await connect();
    const closed = once(other, 'close');
    vendorSide[1]?.terminate();
    await closed;
    await eventually(() => path.leases.held.size === 0);
    expect(path.uses.map(({ httpStatus }) => httpStatus)).toEqual([101, 101]);
  });

  test('the library that carries it leaves no warning behind', async () => {
    const socket = await connect();
    socket.close();
    await once(socket, 'close');
    expect(warnings).toEqual([]);
  });
});

test('wss: inside the TLS of a tunnel it is the same, to a vendor over TLS', async () => {
  const ca = await createTestCa();
  const { certPem: cert, keyPem: key } = await ca.issue(['localhost']);
  const server = createTlsServer({ cert, key }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new WebSocketServer({ server });
  const handshakes: IncomingMessage[] = [];
  sockets.on('connection', (socket, handshake) => {
    handshakes.push(handshake);
    socket.on('message', (data) => socket.send(String(data)));
  });
  const authority = `localhost:${portOf(server)}`;
  path.route(routeTo(`https://${authority}`, { destination: { caPem: ca.caPem } }));
  const tunnel = await openTunnel(path.port, authority);
  tunnel.socket.removeAllListeners('data');
  const createConnection = () =>
    connectTls({ socket: tunnel.socket, servername: 'localhost', ca: path.caPem, ALPNProtocols: ['http/1.1'] });
  const socket = new WebSocket(`wss://${authority}/live`, { createConnection });
  await once(socket, 'open');
  expect(handshakes[0]?.headers.authorization).toBe(`Bearer ${secretValue}`);
  socket.send(`you said ${secretValue}`);
  expect(String((await once(socket, 'message'))[0])).toBe(`you said ${masked}`);
  const closed = once(socket, 'close');
  path.leases.revoke();
  expect((await closed)[0]).toBe(1006);
  sockets.close();
  server.close();
});

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
