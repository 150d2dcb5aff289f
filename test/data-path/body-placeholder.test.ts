import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from './eventually.ts';
import { type DataPath, revokedError, routeTo, secretValue, startDataPath } from './rig.ts';
import { answerEach, exchangeBytes, openPeer, parseAnswer, type ScriptedUpstream, startUpstream } from './sockets.ts';

const placeholder = 'sk-0123456789ABCDEFGHIJKL';
const body = JSON.stringify({ key: placeholder, n: 1 });
const sent = JSON.stringify({ key: secretValue, n: 1 });
const maxBytes = 1_048_576;

let upstream: ScriptedUpstream;
let path: DataPath;

beforeAll(async () => {
  upstream = await startUpstream((peer) => answerEach(peer, 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok'));
  path = await startDataPath();
  path.route(
    routeTo(`http://localhost:${upstream.port}`, {
      destination: { body: 'json' },
      injection: { kind: 'placeholder', in: ['body'] },
      placeholder,
    }),
  );
});

afterAll(async () => {
  await path.close();
  await upstream.close();
});

beforeEach(() => {
  upstream.peers.length = 0;
  path.leases.refusedBy = undefined;
  path.leases.gateAsked = 0;
});

const head = (...fields: readonly string[]) =>
  [`POST /api/x HTTP/1.1`, `host: 127.0.0.1:${path.port}`, 'connection: close', ...fields, '', ''].join('\r\n');
const isJson = 'content-type: application/json';
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const seen = async () => (await upstream.peer(0)).received;

describe('a body that is looked into', () => {
  test('goes out with the value in it, and with its new length', async () => {
    const answer = await exchangeBytes(path.port, head(isJson, `content-length: ${body.length}`) + body);
    expect(parseAnswer(answer).status).toBe(200);
    const { headers, body: received } = parseAnswer(await seen());
    expect([headers['content-length'], received]).toEqual([String(sent.length), sent]);
  });

  test('wherever it was cut on its way here', async () => {
    const peer = await openPeer(path.port);
    peer.write(head(isJson, 'transfer-encoding: chunked'));
    for (const character of body) peer.write(chunk(character));
    peer.write('0\r\n\r\n');
    expect((await peer.closed()).received).toMatch(/^HTTP\/1\.1 200/);
    expect(parseAnswer(await seen()).body).toBe(sent);
    expect(await seen()).not.toMatch(/transfer-encoding/i);
  });

  test('is asked for where the agent waits to be', async () => {
    const peer = await openPeer(path.port);
    peer.write(head(isJson, `content-length: ${body.length}`, 'expect: 100-continue'));
    await peer.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
    peer.write(body);
    await peer.until(/200 OK/);
    expect(parseAnswer(await seen()).body).toBe(sent);
  });

  test('goes out byte by byte as it came when it does not hold the placeholder', async () => {
    const other = '{"n": 1.0, "k":"mine"}';
    await exchangeBytes(path.port, head(isJson, `content-length: ${other.length}`) + other);
    expect(parseAnswer(await seen()).body).toBe(other);
  });

  test.each([
    ['by its length', () => head(isJson, `content-length: ${maxBytes + 1}`) + 'x'.repeat(maxBytes + 1)],
    ['by its chunks', () => head(isJson, 'transfer-encoding: chunked') + chunk('x'.repeat(maxBytes)) + chunk('x')],
  ])('THREATS 39: is refused when it is too large, counted %s', async (_, text) => {
    const peer = await openPeer(path.port);
    peer.write(text());
    expect(await peer.until(/\r\n\r\n[\s\S]*}\n/)).toMatch(/^HTTP\/1\.1 413 [\s\S]*body_too_large/);
    peer.socket.destroy();
    expect(upstream.peers).toEqual([]);
  });

  test('that is no JSON is refused, and nothing is forwarded', async () => {
    const broken = body.slice(0, -1);
    const answer = await exchangeBytes(path.port, head(isJson, `content-length: ${broken.length}`) + broken);
    expect([parseAnswer(answer).status, upstream.peers]).toEqual([400, []]);
  });

  test('INV-4, THREATS 22: a lease that dies while the body is on its way takes the request with it', async () => {
    const peer = await openPeer(path.port);
    peer.write(head(isJson, `content-length: ${body.length}`) + body.slice(0, -1));
    await untilHeld();
    path.leases.revoke();
    expect(await peer.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 403 [\s\S]*x-leasehold-error: lease_revoked/);
    peer.write(body.slice(-1));
    await peer.closed();
    expect([upstream.peers, path.leases.held.size]).toEqual([[], 0]);
  });

  test('the last gate is asked again once the body is there', async () => {
    const peer = await openPeer(path.port);
    peer.write(head(isJson, `content-length: ${body.length}`) + body.slice(0, 5));
    await eventually(() => path.leases.held.size === 1);
    // Nobody cuts it: only the gate is left.
    path.leases.refusedBy = revokedError;
    peer.write(body.slice(5));
    expect(parseAnswer((await peer.closed()).received).headers['x-leasehold-error']).toBe('lease_revoked');
    expect(path.leases.gateAsked).toBeGreaterThan(0);
    for (const { received } of upstream.peers) expect(received).toBe('');
  });

  test('THREATS 39: many that stay unfinished are refused together, and make room again when their agents go', async () => {
    const half = 'x'.repeat(maxBytes / 2);
    const unfinished = async () => {
      const peer = await openPeer(path.port);
      peer.write(head(isJson, 'transfer-encoding: chunked') + chunk(half));
      return peer;
    };
    const peers = await Promise.all(Array.from({ length: 32 }, unfinished));
    const late = () => exchangeBytes(path.port, head(isJson, `content-length: ${body.length}`) + body);
    while (parseAnswer(await late()).headers['x-leasehold-error'] !== 'overloaded') {
      // One that met a late body at the brim was refused itself: another takes its place.
      for (const [index, { received, socket }] of peers.entries()) {
        if (received === '') continue;
        socket.destroy();
        peers[index] = await unfinished();
      }
    }
    for (const { socket } of peers) socket.destroy();
    for (;;) if (parseAnswer(await late()).status === 200) break;
    expect(path.leases.held.size).toBe(0);
  });
});

test('THREATS 2: a body of another type streams through as it is, placeholder and all', async () => {
  const peer = await openPeer(path.port);
  peer.write(head('content-type: text/plain', 'transfer-encoding: chunked') + chunk(placeholder));
  // It arrives before it has ended.
  const arriving = await upstream.peer(0);
  expect(await arriving.until(new RegExp(placeholder))).not.toContain(secretValue);
  peer.write('0\r\n\r\n');
  expect((await peer.closed()).received).toMatch(/^HTTP\/1\.1 200/);
});

async function untilHeld(): Promise<void> {
  while (path.leases.held.size === 0) await new Promise((resolve) => setImmediate(resolve));
}
