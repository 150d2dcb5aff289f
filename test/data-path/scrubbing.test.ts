import { connect } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DataPath, routeTo, secretValue, startDataPath } from './rig.ts';
import { exchangeBytes, parseAnswer, type Script, type ScriptedUpstream, startUpstream } from './sockets.ts';

// Lengths stay, so the mask is as long as what it hides: stars alone say which spelling was found.
const stars = (text: string) => '*'.repeat(text.length);
const base64 = (text: string) => Buffer.from(text).toString('base64');

let upstream: ScriptedUpstream;
let path: DataPath;
let answer: Script;

beforeAll(async () => {
  upstream = await startUpstream((peer) => peer.socket.once('data', () => answer(peer)));
  path = await startDataPath();
  path.route(routeTo(`http://localhost:${upstream.port}`));
});

afterAll(async () => {
  await path.close();
  await upstream.close();
});

beforeEach(() => {
  path.uses.length = 0;
});

async function ask(method = 'GET'): Promise<string> {
  const text = await exchangeBytes(
    path.port,
    `${method} /api/x HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\naccept-encoding: gzip, br\r\nconnection: close\r\n\r\n`,
  );
  for (const spelling of [secretValue, base64(secretValue), encodeURIComponent(secretValue)]) expect(text).not.toContain(spelling);
  return text;
}

/** One answer, after which the connection ends. */
function answers(head: string, ...pieces: readonly (string | Buffer)[]): void {
  answer = (peer) => {
    peer.write(`HTTP/1.1 200 OK\r\nconnection: close\r\n${head}\r\n`);
    for (const piece of pieces) peer.write(piece);
    peer.socket.end();
  };
}

function chunked(...pieces: readonly (string | Buffer)[]): Buffer {
  const framed = pieces.flatMap((piece) => [Buffer.from(`${piece.length.toString(16)}\r\n`), Buffer.from(piece), Buffer.from('\r\n')]);
  return Buffer.concat([...framed, Buffer.from('0\r\n\r\n')]);
}

describe('INV-10, THREATS 1: the secret does not come back', () => {
  test.each([
    ['raw', secretValue],
    ['base64', base64(secretValue)],
    ['URL-encoded', encodeURIComponent(secretValue)],
    ['JSON-escaped', secretValue.replaceAll('/', '\\/')],
  ])('in a body of known length, %s: masked, and everything around it stays', async (_, spelling) => {
    const body = `{"echo":"${spelling}"}`;
    answers(`content-length: ${body.length}\r\n`, body);
    const { headers, body: received } = parseAnswer(await ask());
    expect(headers['content-length']).toBe(String(body.length));
    // Base64 ends with characters that hang on what follows, and with padding.
    expect(received).toMatch(/^\{"echo":"\*{20,}[\w+/]?=*"\}$/);
    expect(received).toHaveLength(body.length);
  });

  test('in headers, repeated ones and Location, and as the name of one', async () => {
    answers(
      `content-length: 0\r\nx-a: Bearer ${secretValue}\r\nx-a: ${base64(secretValue)}\r\nlocation: https://elsewhere.example/?k=${encodeURIComponent(secretValue)}\r\n`,
    );
    const { headers } = parseAnswer(await ask());
    expect(headers['x-a']).toMatch(/^Bearer \*{20,}, \*{20,}[\w+/]?=*$/);
    expect(headers.location).toBe(`https://elsewhere.example/?k=${stars(encodeURIComponent(secretValue))}`);
  });

  test('in the reason phrase, which is not handed on, and in an interim answer', async () => {
    answer = (peer) => {
      peer.write(`HTTP/1.1 103 Early Hints\r\nx-a: ${secretValue}\r\n\r\n`);
      peer.write(`HTTP/1.1 200 ${secretValue}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
      peer.socket.end();
    };
    expect(await ask()).toMatch(/^HTTP\/1\.1 103 Early Hints\r\nx-a: \*+\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  });

  test('in trailers', async () => {
    const body = chunked('ok').toString().replace(/\r\n$/, `x-echo: ${secretValue}\r\n\r\n`);
    answers('transfer-encoding: chunked\r\n', body);
    expect(await ask()).toMatch(/\r\n0\r\nx-echo: \*+\r\n\r\n$/);
  });

  test('in an error, an answer to HEAD, and an answer that only the end of the connection ends', async () => {
    answer = (peer) => peer.socket.end(`HTTP/1.1 500 x\r\n\r\nno: ${secretValue}`);
    expect(bodyOfChunks(await ask())).toBe(`no: ${stars(secretValue)}`);
    answer = (peer) => peer.socket.end(`HTTP/1.1 200 OK\r\nx-a: ${secretValue}\r\ncontent-length: 5\r\n\r\n`);
    expect(parseAnswer(await ask('HEAD')).headers['x-a']).toBe(stars(secretValue));
  });

  test('split over two chunks, and two writes, at every byte', async () => {
    const event = `data: ${secretValue}\n\n`;
    for (let at = 6; at < 6 + secretValue.length; at += 1) {
      answer = (peer) => {
        peer.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n');
        peer.write(`${at.toString(16)}\r\n${event.slice(0, at)}\r\n`);
        // Not before the first half was taken for itself.
        setImmediate(() => setImmediate(() => peer.socket.end(chunked(event.slice(at)))));
      };
      const text = await ask();
      expect(bodyOfChunks(text)).toBe(`data: ${stars(secretValue)}\n\n`);
    }
  });
});

/** An upstream that encodes although it was asked not to. */
describe('a coded answer is decoded, scrubbed, and handed on without the coding', () => {
  const body = Buffer.from(`{"echo":"${secretValue}","more":"${'x'.repeat(5_000)}"}`);
  const clean = body.toString().replace(secretValue, stars(secretValue));
  const codings = [
    ['gzip', gzipSync(body)],
    ['GZIP', gzipSync(body)],
    ['x-gzip', gzipSync(body)],
    ['deflate', deflateSync(body)],
    ['deflate', deflateRawSync(body)],
    ['br', brotliCompressSync(body)],
    ['zstd', zstdCompressSync(body)],
    ['identity', body],
  ] as const;

  test.each(codings)('%s', async (coding, coded) => {
    answers(`content-encoding: ${coding}\r\netag: "strong"\r\ncontent-length: ${coded.length}\r\n`, coded);
    const { headers, body: received } = parseAnswer(await ask());
    expect([headers['content-encoding'] ?? 'identity', headers.etag === undefined]).toEqual(['identity', coding !== 'identity']);
    expect(headers['content-length'] === undefined ? bodyOfChunks(`\r\n\r\n${received}`) : received).toBe(clean);
  });

  test('a transfer coding below the chunks is taken off too', async () => {
    answers('transfer-encoding: gzip, chunked\r\n', chunked(gzipSync(body)));
    expect(bodyOfChunks(await ask())).toBe(clean);
  });

  test('in chunks of one byte', async () => {
    const coded = gzipSync(body);
    answers('content-encoding: gzip\r\ntransfer-encoding: chunked\r\n', chunked(...[...coded].map((byte) => Buffer.from([byte]))));
    expect(bodyOfChunks(await ask())).toBe(clean);
  });

  test('the agent may ask for a coding: the upstream is asked for none', async () => {
    answers('content-length: 0\r\n');
    const seen = upstream.peers.length;
    await ask();
    expect(upstream.received[seen]).toMatch(/\r\naccept-encoding: identity\r\n/);
    expect(upstream.received[seen]).not.toMatch(/accept-encoding: gzip/);
  });

  test('an empty body with a coding, and a HEAD with one, are answered', async () => {
    answers('content-encoding: gzip\r\ncontent-length: 0\r\n');
    expect(bodyOfChunks(await ask())).toBe('');
    answers('content-encoding: gzip\r\ncontent-length: 500\r\n');
    expect(parseAnswer(await ask('HEAD')).status).toBe(200);
  });

  test.each([
    ['a coding that nobody knows', 'content-encoding: compress\r\n'],
    ['two codings', 'content-encoding: gzip, gzip\r\n'],
    ['two codings in two headers', 'content-encoding: gzip\r\ncontent-encoding: br\r\n'],
    ['a coding named like a property', 'content-encoding: constructor\r\n'],
    ['a transfer coding below the chunks', 'transfer-encoding: compress, chunked\r\n'],
  ])('what can not be read is not handed on: %s', async (_, head) => {
    answers(`${head}${head.startsWith('transfer') ? '' : 'transfer-encoding: chunked\r\n'}`, chunked(gzipSync(gzipSync(body))));
    const { status, headers } = parseAnswer(await ask());
    expect([status, headers['x-leasehold-error']]).toEqual([502, 'response_unreadable']);
    expect(path.uses.map(({ outcome }) => outcome)).toEqual(['response_unreadable']);
  });

  test.each([
    ['is no gzip at all', Buffer.from(`not gzip: ${secretValue}`)],
    ['breaks off', gzipSync(body).subarray(0, 60)],
    ['ends with a wrong checksum', Buffer.concat([gzipSync(body).subarray(0, -8), Buffer.alloc(8, 1)])],
  ])('a coded body that %s is never ended as if it were whole', async (_, coded) => {
    answers(`content-encoding: gzip\r\ncontent-length: ${coded.length}\r\n`, coded);
    const text = await ask();
    expect(text.endsWith('0\r\n\r\n')).toBe(false);
    expect(path.uses.map(({ outcome }) => outcome)).toEqual(['response_unreadable']);
  });
});

describe('THREATS 39: a small answer that unpacks to a huge one', () => {
  test.each([
    ['gzip', gzipSync(Buffer.alloc(64 * 1_048_576))],
    ['br', brotliCompressSync(Buffer.alloc(64 * 1_048_576))],
  ])('is dropped long before its end (%s)', async (coding, bomb) => {
    answers(`content-encoding: ${coding}\r\ncontent-length: ${bomb.length}\r\n`, bomb);
    const text = await ask();
    expect(text.length).toBeLessThan(16 * 1_048_576);
    expect(text.endsWith('\r\n0\r\n\r\n')).toBe(false);
    expect(path.uses.map(({ outcome }) => outcome)).toEqual(['response_unreadable']);
  });

  test('what is merely repetitive arrives whole', async () => {
    const text = Array.from({ length: 60_000 }, (_, id) => `{"id":${id},"name":"the same again and again"}`).join('\n');
    answers('content-encoding: gzip\r\ntransfer-encoding: chunked\r\n', chunked(gzipSync(text)));
    expect(bodyOfChunks(await ask()) === text).toBe(true);
  });

  test('what an agent does not read is not unpacked: memory stays flat, and nothing is lost', async () => {
    const size = 32 * 1_048_576;
    const coded = gzipSync(Buffer.alloc(size, Array.from({ length: 4_096 }, (_, index) => (index * 7_919) % 251).toString()));
    answers(`content-encoding: gzip\r\ncontent-length: ${coded.length}\r\n`, coded);
    const agent = connect(path.port, '127.0.0.1').pause();
    agent.write(`GET /api/x HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\nconnection: close\r\n\r\n`);
    const begin = process.memoryUsage.rss();
    // Long enough to unpack all of it, several times over.
    for (const until = performance.now() + 500; performance.now() < until; ) await new Promise((resolve) => setImmediate(resolve));
    expect(path.uses).toEqual([]);
    expect(process.memoryUsage.rss() - begin).toBeLessThan(size / 2);
    let received = 0;
    for await (const chunk of agent) received += chunk.length;
    expect(received).toBeGreaterThan(size);
    expect(path.uses.map(({ outcome }) => outcome)).toEqual(['forwarded']);
  });
});

function bodyOfChunks(text: string): string {
  let rest = text.slice(text.indexOf('\r\n\r\n') + 4);
  let body = '';
  for (;;) {
    const end = rest.indexOf('\r\n');
    const size = Number.parseInt(rest.slice(0, end), 16);
    if (!(size > 0)) return body;
    body += rest.slice(end + 2, end + 2 + size);
    rest = rest.slice(end + 4 + size);
  }
}
