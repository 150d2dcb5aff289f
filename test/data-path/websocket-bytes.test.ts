import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from './eventually.ts';
import { type DataPath, revokedError, routeTo, secretValue, startDataPath } from './rig.ts';
import { openPeer, openSockets, type Peer, parseAnswer, type ScriptedUpstream, startUpstream } from './sockets.ts';

// WebSockets byte by byte, with a vendor that does what it should not.

const masked = '*'.repeat(secretValue.length);
const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const agreed = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n';

let path: DataPath;
let upstream: ScriptedUpstream;

beforeEach(async () => {
  path = await startDataPath();
  upstream = await startUpstream(() => undefined);
  path.route(routeTo(`http://localhost:${upstream.port}`));
});

afterEach(async () => {
  await path.close();
  await upstream.close();
});

const outcomes = () => path.uses.map(({ outcome, httpStatus }) => [outcome, httpStatus]);
const settled = () => eventually(() => path.uses.length > 0);

const handshake = (changes = '', method = 'GET', target = '/api/x', host = `127.0.0.1:${path.port}`) =>
  `${method} ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n${changes === '' ? `sec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n` : changes}\r\n`;

async function ask(text = handshake()): Promise<Peer> {
  const agent = await openPeer(path.port);
  agent.write(text);
  return agent;
}

const refusal = async (agent: Peer) => {
  const { status, headers } = parseAnswer((await agent.closed()).received);
  return [status, headers['x-leasehold-error']];
};

test.each(['http', 'ws'])('absolute-form with %s:// is a way in, too', async (scheme) => {
  const authority = `localhost:${upstream.port}`;
  const agent = await ask(handshake('', 'GET', `${scheme}://${authority}/x`, authority));
  const vendor = await upstream.peer(0);
  expect(await vendor.until(/\r\n\r\n/)).toMatch(/^GET \/x HTTP\/1\.1\r\n/);
  vendor.write(agreed);
  await agent.until(/^HTTP\/1\.1 101 /);
});

test('THREATS 16: a page from elsewhere opens none by the base URL', async () => {
  const headers = `origin: https://evil.example\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n`;
  expect(await refusal(await ask(handshake(headers)))).toEqual([403, 'forbidden']);
  expect(upstream.received.join('')).toBe('');
});

test.each([
  ['another version', `sec-websocket-version: 8\r\nsec-websocket-key: ${key}\r\n`, 'GET'],
  ['no key', 'sec-websocket-version: 13\r\n', 'GET'],
  ['a key that is none', 'sec-websocket-version: 13\r\nsec-websocket-key: abc\r\n', 'GET'],
  ['another method', '', 'POST'],
  ['a body', `sec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\ncontent-length: 5\r\n`, 'GET'],
  ['an Expect', `sec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\nexpect: 100-continue\r\n`, 'GET'],
])('THREATS 10: a handshake with %s is refused', async (_, changes, method) => {
  expect(await refusal(await ask(handshake(changes, method)))).toEqual([400, 'bad_request']);
  expect(path.results).toEqual(['bad_request']);
  expect(upstream.peers).toEqual([]);
});

test('THREATS 4: a handshake whose Host is not ours is 421', async () => {
  expect(await refusal(await ask(handshake('', 'GET', '/api/x', 'evil.example')))).toEqual([421, 'authority_mismatch']);
});

test('INV-2, INV-3, INV-7: a lease that dies while the connection is made is not used', async () => {
  const dialled = Promise.withResolvers<void>();
  const slow = await startDataPath({ upstream: { resolve: (_, found) => void dialled.promise.then(() => found(null, ['127.0.0.1'])) } });
  slow.route(routeTo(`http://localhost:${upstream.port}`));
  const agent = await openPeer(slow.port);
  agent.write(handshake('', 'GET', '/api/x', `127.0.0.1:${slow.port}`));
  await eventually(() => slow.leases.held.size === 1);
  slow.leases.refusedBy = revokedError;
  dialled.resolve();
  expect(await refusal(agent)).toEqual([403, 'lease_revoked']);
  expect(upstream.received.join('')).toBe('');
  await slow.close();
});

test('the gate is asked once, in the tick that writes the handshake', async () => {
  const agent = await ask();
  const vendor = await upstream.peer(0);
  await vendor.until(/\r\n\r\n/);
  vendor.write(agreed);
  await agent.until(/ 101 /);
  agent.write(Buffer.from([0x81, 0x80, 0, 0, 0, 0]));
  await eventually(() => vendor.received.endsWith('\x81\x80\0\0\0\0'));
  expect(path.leases.gateAsked).toBe(1);
});

test('a revocation before the answer is a typed refusal, and the vendor’s side is cut', async () => {
  const agent = await ask();
  const vendor = await upstream.peer(0);
  await vendor.until(/\r\n\r\n/);
  path.leases.revoke();
  expect(await refusal(agent)).toEqual([403, 'lease_revoked']);
  await vendor.closed();
});

test('a vendor that refuses with a coded body is heard to its end', async () => {
  const agent = await ask();
  const vendor = await upstream.peer(0);
  await vendor.until(/\r\n\r\n/);
  const body = gzipSync('quota exceeded'.repeat(100));
  vendor.write(`HTTP/1.1 429 Too Many Requests\r\ncontent-encoding: gzip\r\ncontent-length: ${body.length}\r\n\r\n`);
  vendor.write(body);
  const { received } = await agent.closed();
  expect([received.slice(0, 12), received.match(/quota exceeded/g)?.length]).toEqual(['HTTP/1.1 429', 100]);
  expect(outcomes()).toEqual([['forwarded', 429]]);
});

test('a vendor that says no is handed back like any answer, scrubbed', async () => {
  const agent = await ask();
  const vendor = await upstream.peer(0);
  await vendor.until(/\r\n\r\n/);
  vendor.write(
    `HTTP/1.1 401 Unauthorized\r\ntransfer-encoding: chunked\r\nx-echo: ${secretValue}\r\n\r\n${secretValue.length.toString(16)}\r\n${secretValue}\r\n0\r\n\r\n`,
  );
  const { received } = await agent.closed();
  expect(received).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n/);
  expect(received).not.toContain(secretValue);
  expect(received).toContain(`\r\n${masked}\r\n0\r\n\r\n`);
  await vendor.closed();
  expect(outcomes()).toEqual([['forwarded', 401]]);
});

test.each([
  ['an extension that was not offered', agreed.replace('\r\n\r\n', '\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n')],
  ['another protocol', agreed.replace('websocket\r\n', 'h2c\r\n')],
  ['no HTTP', 'hello\r\n\r\n'],
])('a vendor that agrees to %s is 502, and its connection ends', async (_, answer) => {
  const agent = await ask();
  const vendor = await upstream.peer(0);
  await vendor.until(/\r\n\r\n/);
  vendor.write(answer);
  expect(await refusal(agent)).toEqual([502, 'upstream_protocol_error']);
  await vendor.closed();
});

test('frames that come with the answer are kept, and the answer is scrubbed', async () => {
  const agent = await ask();
  const vendor = await upstream.peer(0);
  await vendor.until(/\r\n\r\n/);
  vendor.write(
    Buffer.concat([Buffer.from(agreed.replace('\r\n\r\n', `\r\nx-echo: ${secretValue}\r\n\r\n`)), Buffer.from([0x81, 2, 104, 105])]),
  );
  expect(await agent.until(/hi$/)).toContain(`x-echo: ${masked}\r\n`);
});

test('a frame that no client may accept cuts both sides', async () => {
  const agent = await ask();
  const vendor = await upstream.peer(0);
  await vendor.until(/\r\n\r\n/);
  vendor.write(Buffer.concat([Buffer.from(agreed), Buffer.from([0xc1, 0])]));
  await Promise.all([agent.closed(), vendor.closed()]);
  expect(outcomes()).toEqual([['upstream_protocol_error', 101]]);
});

test('THREATS 10: a handshake that did not wait for the answer before it ends its connection, and nobody else’s', async () => {
  const agent = await ask(`GET /api/first HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\n\r\n${handshake()}`);
  expect((await agent.closed()).received).toBe('');
  expect(await refusal(await ask(handshake(`sec-websocket-key: ${key}\r\n`)))).toEqual([400, 'bad_request']);
});

test('an agent that goes away before the answer is noticed, and nothing stays open', async () => {
  for (const leave of ['end', 'destroy'] as const) {
    const agent = await ask();
    const vendor = await upstream.peer(upstream.peers.length);
    await vendor.until(/\r\n\r\n/);
    agent.socket[leave]();
    await vendor.closed();
  }
  await eventually(() => path.uses.length === 2);
  expect(outcomes()).toEqual([
    ['forwarded', 499],
    ['forwarded', 499],
  ]);
});

test('a vendor that does not answer in time is 504', async () => {
  const quick = await startDataPath({ upstream: { headersTimeoutMs: 100 } });
  quick.route(routeTo(`http://localhost:${upstream.port}`));
  const agent = await openPeer(quick.port);
  agent.write(handshake('', 'GET', '/api/x', `127.0.0.1:${quick.port}`));
  expect(await refusal(agent)).toEqual([504, 'upstream_timeout']);
  await quick.close();
});

test('THREATS 39: half of a connection is not kept open: what the agent ended, the vendor must end', async () => {
  const strict = await startDataPath({ upstream: { halfOpenMs: 100 } });
  strict.route(routeTo(`http://localhost:${upstream.port}`));
  const agent = await openPeer(strict.port);
  agent.write(handshake('', 'GET', '/api/x', `127.0.0.1:${strict.port}`));
  const vendor = await upstream.peer(0);
  await vendor.until(/\r\n\r\n/);
  vendor.write(agreed);
  await agent.until(/ 101 /);
  vendor.socket.allowHalfOpen = true;
  agent.socket.end();
  await agent.closed();
  expect(strict.uses.map(({ outcome }) => outcome)).toEqual(['upstream_timeout']);
  await strict.close();
});

test('what the vendor sends behind the agent’s end still arrives', async () => {
  const agent = await ask();
  const vendor = await upstream.peer(0);
  await vendor.until(/\r\n\r\n/);
  vendor.write(agreed);
  await agent.until(/ 101 /);
  vendor.socket.allowHalfOpen = true;
  const ended = once(vendor.socket, 'end');
  agent.socket.end();
  await ended;
  vendor.write(Buffer.from([0x81, 2, 104, 105]));
  await agent.until(/hi$/);
  vendor.socket.end();
  await agent.closed();
  await settled();
  expect(outcomes()).toEqual([['forwarded', 101]]);
});

test('memory stays flat when one side does not read', async () => {
  const agent = await ask();
  const vendor = await upstream.peer(0);
  await vendor.until(/\r\n\r\n/);
  vendor.write(agreed);
  await agent.until(/ 101 /);
  agent.socket.pause();
  const frame = Buffer.concat([Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 16, 0, 0]), Buffer.alloc(1_048_576)]);
  expect(await isHeldBack(vendor.socket, frame)).toBe(true);
  vendor.socket.pause();
  expect(await isHeldBack(agent.socket, Buffer.alloc(1_048_576))).toBe(true);
});

test('a sidecar that stops ends what is open', async () => {
  const agent = await ask();
  const vendor = await upstream.peer(0);
  await vendor.until(/\r\n\r\n/);
  vendor.write(agreed);
  await agent.until(/ 101 /);
  await path.closeUpstream();
  await Promise.all([agent.closed(), vendor.closed()]);
});

test('a refused name is 502 for a WebSocket, too', async () => {
  path.names.set('localhost', [[]]);
  expect(await refusal(await ask())).toEqual([502, 'upstream_unreachable']);
  path.names.set('localhost', [['10.0.0.1']]);
  expect(await refusal(await ask())).toEqual([403, 'address_forbidden']);
});

/** Whether at most 64 writes fill all buffers on the way. */
async function isHeldBack(socket: Duplex, piece: Buffer): Promise<boolean> {
  for (let sent = 0; sent < 64; sent += 1) {
    if (socket.write(piece)) continue;
    const drained = await Promise.race([once(socket, 'drain').then(() => true), new Promise((resolve) => setTimeout(resolve, 300, false))]);
    if (drained === false) return true;
  }
  return false;
}

test('what a vendor sent before it ended, its close frame last, is there for an agent that was busy for some seconds', async () => {
  const agent = await ask();
  const vendor = await upstream.peer(0);
  await vendor.until(/\r\n\r\n/);
  vendor.write(agreed);
  await agent.until(/\r\n\r\n/);
  agent.socket.pause();
  // As much as the kernel takes, and then some that waits in the sidecar.
  const frame = Buffer.concat([Buffer.from([0x82, 126, 0x0f, 0xa0]), Buffer.alloc(4_000, 'x')]);
  const [ours] = openSockets(path.port);
  while (ours?.writableLength === 0) {
    vendor.write(frame);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  vendor.socket.end(Buffer.from([0x88, 2, 3, 0xe8]));
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  agent.socket.resume();
  const { received } = await agent.closed();
  expect(Buffer.from(received, 'latin1').subarray(-4)).toEqual(Buffer.from([0x88, 2, 3, 0xe8]));
});
