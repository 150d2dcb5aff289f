import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';
import { gzipSync } from 'node:zlib';
import type { Route } from '@leasehold/core';
import { afterEach, describe, expect, test } from 'vitest';
import { createTestCa } from '../harness/certificates.ts';
import { eventually } from './eventually.ts';
import { frame, framesFor, headOf, openByHand } from './h2-frames.ts';
import { answerTo, type H2Rig, type H2RigOptions, startH2Rig } from './h2-rig.ts';
import { secretValue } from './rig.ts';
import { type ScriptedUpstream, startUpstream } from './sockets.ts';

let rig: H2Rig;
let seen: { readonly rawHeaders: readonly string[]; readonly stream: ServerHttp2Stream }[];

async function start(
  onStream: H2RigOptions['onStream'] = (stream) => stream.respond({ ':status': 200 }, { endStream: true }),
  more: H2RigOptions = {},
) {
  seen = [];
  rig = await startH2Rig({
    ...more,
    onStream: (stream, rawHeaders, neverIndexed) => {
      seen.push({ rawHeaders, stream });
      onStream?.(stream, rawHeaders, neverIndexed);
    },
  });
}

afterEach(() => rig.close());

const outcomes = () => rig.path.uses.map(({ outcome, httpStatus }) => [outcome, httpStatus]);
const valuesOf = (rawHeaders: readonly string[] | undefined, name: string) =>
  rawHeaders?.filter((_, index) => rawHeaders[index - 1] === name && index % 2 === 1);

describe('a request by HTTP/2, to a vendor that speaks it', () => {
  test('carries our credential, none of the agent’s, and names the vendor', async () => {
    await start();
    const session = await rig.connect();
    const headers = { ':path': '/x?y=1', authorization: 'Bearer mine', 'x-api-key': 'mine', 'x-kept': 'yes', cookie: 'a=1' };
    const answer = await answerTo(session.request(headers));
    expect(answer.status).toBe(200);
    const raw = seen[0]?.rawHeaders;
    expect(valuesOf(raw, ':path')).toEqual(['/x?y=1']);
    expect(valuesOf(raw, ':authority')).toEqual([rig.authority]);
    expect(valuesOf(raw, 'authorization')).toEqual([`Bearer ${secretValue}`]);
    expect([valuesOf(raw, 'x-kept'), valuesOf(raw, 'cookie'), valuesOf(raw, 'x-api-key'), valuesOf(raw, 'host')]).toEqual([
      ['yes'],
      ['a=1'],
      [],
      [],
    ]);
    expect(outcomes()).toEqual([['forwarded', 200]]);
    session.close();
  });

  test.each([
    ['a header of the template', { injection: { kind: 'header', name: 'X-Api-Key', template: '{value}' } }, {}, ['x-api-key']],
    ['basic auth', { injection: { kind: 'basic', username: 'me' } }, {}, ['authorization']],
    [
      'a placeholder',
      { injection: { kind: 'placeholder', in: ['header'] }, placeholder: 'lsp_0123456789abcdef' },
      { 'x-mine': 'key lsp_0123456789abcdef', 'x-other': 'kept' },
      ['x-mine'],
    ],
  ] satisfies [string, Partial<Route>, object, string[]][])(
    'THREATS 28: what holds the value by %s enters no table of header compression',
    async (_, route, headers, expected) => {
      const marked: (readonly string[])[] = [];
      await start(
        (stream, __, neverIndexed) => {
          marked.push(neverIndexed);
          stream.respond({ ':status': 200 }, { endStream: true });
        },
        { route },
      );
      const session = await rig.connect();
      for (let count = 0; count < 2; count += 1) expect((await answerTo(session.request({ ':path': '/x', ...headers }))).status).toBe(200);
      expect(marked).toEqual([expected, expected]);
      session.close();
    },
  );

  test('without a lease the answer is the typed refusal, and the connection serves on', async () => {
    await start();
    rig.path.leases.values.clear();
    const session = await rig.connect();
    const { status, headers, body } = await answerTo(session.request({ ':path': '/x' }));
    expect([status, headers['x-leasehold-error'], JSON.parse(body).error.code]).toEqual([403, 'no_grant', 'no_grant']);
    expect(seen).toEqual([]);
    rig.path.leases.values.set('crd_api', secretValue);
    expect((await answerTo(session.request({ ':path': '/x' }))).status).toBe(200);
    session.close();
  });

  test('bodies, interim answers, several of a name and trailers pass, scrubbed', async () => {
    await start((stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</a.css>; rel=preload' });
      stream.respond({ ':status': 201, 'set-cookie': ['a=1', 'b=2'], 'x-echo': secretValue }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': `abc ${secretValue}` }));
      stream.pipe(stream);
    });
    const session = await rig.connect();
    const stream = session.request({ ':path': '/x', ':method': 'POST' });
    const interim = once(stream, 'headers');
    stream.write(`you said ${secretValue.slice(0, 9)}`);
    stream.end(`${secretValue.slice(9)}.`);
    const answer = await answerTo(stream);
    const masked = '*'.repeat(secretValue.length);
    expect((await interim)[0]).toMatchObject({ ':status': 103, link: '</a.css>; rel=preload' });
    expect(answer).toMatchObject({ status: 201, body: `you said ${masked}.`, trailers: { 'x-sum': `abc ${masked}` }, resetCode: 0 });
    expect(answer.headers).toMatchObject({ 'set-cookie': ['a=1', 'b=2'], 'x-echo': masked });
    session.close();
  });

  test.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('%s answered %i has no body', async (method, status) => {
    await start((stream) => stream.respond({ ':status': status, 'x-a': '1' }, { endStream: true }));
    const session = await rig.connect();
    expect(await answerTo(session.request({ ':path': '/x', ':method': method }))).toMatchObject({ status, body: '', resetCode: 0 });
    session.close();
  });

  test('each piece goes on at once, both ways at the same time', async () => {
    await start((stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
    const session = await rig.connect();
    const stream = session.request({ ':path': '/x', ':method': 'POST' });
    for (const word of ['one', 'two', 'three']) {
      stream.write(word);
      expect(String((await once(stream, 'data'))[0])).toBe(word);
    }
    stream.end();
    expect((await answerTo(stream)).resetCode).toBe(0);
    session.close();
  });

  test('Expect: 100-continue is answered once the lease is there, and is not forwarded', async () => {
    await start((stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
    const session = await rig.connect();
    const stream = session.request({ ':path': '/x', ':method': 'POST', expect: '100-continue' });
    await once(stream, 'continue');
    stream.end('hello');
    expect((await answerTo(stream)).body).toBe('hello');
    expect(valuesOf(seen[0]?.rawHeaders, 'expect')).toEqual([]);
    session.close();
  });

  test('one connection carries many streams, and is not opened for each', async () => {
    await start(undefined, { path: { upstream: { maxWaiting: 100 } } });
    const session = await rig.connect();
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => answerTo(session.request({ ':path': `/${n}` }))));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
    expect(rig.vendorSockets).toHaveLength(1);
    session.close();
  });

  test('a vendor that takes few streams at once gets no more than those on one connection', async () => {
    const open: ServerHttp2Stream[] = [];
    await start((stream) => open.push(stream), {
      vendor: { settings: { maxConcurrentStreams: 2 } },
      path: { upstream: { connectionsPerPool: 2, maxWaiting: 10 } },
    });
    const session = await rig.connect();
    // The first answer says that the vendor's settings have been read.
    const first = answerTo(session.request({ ':path': '/first' }));
    await eventually(() => open.length === 1);
    open.pop()?.respond({ ':status': 200 }, { endStream: true });
    await first;
    const answers = Array.from({ length: 5 }, (_, n) => answerTo(session.request({ ':path': `/${n}` })));
    await eventually(() => open.length === 4);
    expect(rig.vendorSockets).toHaveLength(2);
    open.splice(0, 1)[0]?.respond({ ':status': 200 }, { endStream: true });
    await eventually(() => open.length === 4);
    for (const stream of open) stream.respond({ ':status': 200 }, { endStream: true });
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    session.close();
  });

  test('an early answer reaches the agent whole, and the rest of its upload is called off', async () => {
    await start((stream) => {
      stream.respond({ ':status': 413 });
      stream.end('too big');
    });
    const session = await rig.connect();
    const stream = session.request({ ':path': '/x', ':method': 'POST' });
    stream.write('x'.repeat(100_000));
    expect(await answerTo(stream)).toMatchObject({ status: 413, body: 'too big', resetCode: 0 });
    await eventually(() => seen[0]?.stream.closed === true);
    expect(outcomes()).toEqual([['forwarded', 413]]);
    session.close();
  });

  test.each([0, 10, 1_000_000])('a coded answer of %s bytes, which was not asked for, is decoded and comes whole', async (size) => {
    const body = randomBytes(size).toString('hex');
    await start((stream) => {
      stream.respond({ ':status': 200, 'content-encoding': 'gzip' });
      stream.end(gzipSync(body));
    });
    const session = await rig.connect();
    const answer = await answerTo(session.request({ ':path': '/x' }));
    expect([answer.status, answer.body === body, answer.resetCode]).toEqual([200, true, 0]);
    expect(outcomes()).toEqual([['forwarded', 200]]);
    session.close();
  });

  test('a coded answer that ends before its code does is cut, and not passed for whole', async () => {
    await start((stream) => {
      stream.respond({ ':status': 200, 'content-encoding': 'gzip' });
      stream.end(gzipSync(randomBytes(1_000)).subarray(0, 500));
    });
    const session = await rig.connect();
    expect((await answerTo(session.request({ ':path': '/x' }))).resetCode).not.toBe(0);
    session.close();
  });

  test('a connection that its vendor winds down carries its stream on, and keeps no other request out', async () => {
    await start(
      (stream) => {
        stream.respond({ ':status': 200 });
        if (seen.length > 1) stream.end('ok');
        else {
          stream.write('event');
          stream.session?.goaway(0);
        }
      },
      { path: { upstream: { connectionsPerPool: 1, waitMs: 2_000 } } },
    );
    const session = await rig.connect();
    const long = session.request({ ':path': '/x' });
    await once(long, 'data');
    expect(await answerTo(session.request({ ':path': '/x' }))).toMatchObject({ status: 200, body: 'ok' });
    expect(long.destroyed).toBe(false);
    session.destroy();
  });

  test('an answer that begins before the upload is whole may take longer than its head may', async () => {
    await start(
      (stream) => {
        stream.respond({ ':status': 200 });
        stream.resume().once('end', () => setTimeout(() => stream.end('last'), 600));
      },
      { path: { upstream: { headersTimeoutMs: 200 } } },
    );
    const session = await rig.connect();
    const stream = session.request({ ':path': '/x', ':method': 'POST' });
    stream.write('hello');
    await once(stream, 'response');
    const answer = answerTo(stream);
    stream.end();
    expect(await answer).toMatchObject({ body: 'last', resetCode: 0 });
    session.close();
  });

  test('INV-10: messages are asked for without compression, and not handed on with it', async () => {
    await start((stream) => stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': 'gzip' }));
    const session = await rig.connect();
    const ask = { ':path': '/a.B/C', ':method': 'POST', 'content-type': 'application/grpc', 'grpc-accept-encoding': 'gzip' };
    const { headers } = await answerTo(session.request(ask));
    expect([headers['x-leasehold-error'], headers['grpc-status']]).toEqual(['response_unreadable', '15']);
    expect(valuesOf(seen[0]?.rawHeaders, 'grpc-accept-encoding')).toEqual([]);
    expect(valuesOf(seen[0]?.rawHeaders, 'te')).toEqual(['trailers']);
    session.close();
  });

  test('THREATS 40: two credentials never share a connection', async () => {
    await start();
    const session = await rig.connect();
    await answerTo(session.request({ ':path': '/x' }));
    rig.path.leases.values.set('crd_api', 'sk-another-value-0123456789');
    await answerTo(session.request({ ':path': '/x' }));
    expect(rig.vendorSockets).toHaveLength(2);
    expect(seen.flatMap(({ rawHeaders }) => valuesOf(rawHeaders, 'authorization'))).toEqual([
      `Bearer ${secretValue}`,
      'Bearer sk-another-value-0123456789',
    ]);
    session.close();
  });
});

describe('a vendor that speaks HTTP/1.1 only', () => {
  let old: ScriptedUpstream;

  async function startOld() {
    const ca = await createTestCa();
    const { certPem: cert, keyPem: key } = await ca.issue(['localhost']);
    old = await startUpstream(() => undefined, { cert, key, ALPNProtocols: ['http/1.1'] });
    await start(undefined, { ca, vendorPort: old.port });
  }

  afterEach(() => old.close());

  test('is spoken to by HTTP/1.1, chunks and trailers included', async () => {
    await startOld();
    const session = await rig.connect();
    const stream = session.request({ ':path': '/x', ':method': 'POST', cookie: ['a=1', 'b=2'] });
    stream.end('hello');
    // Another connection asked which protocol it speaks, and was closed; it may never have been seen.
    await eventually(() => old.received.join('') !== '');
    const vendor = await old.peer(old.received.findIndex((text) => text !== ''));
    const request = await vendor.until(/0\r\n\r\n$/);
    expect(request).toMatch(/^POST \/x HTTP\/1\.1\r\n/);
    expect(request).toContain(`Bearer ${secretValue}\r\n`);
    expect(request).toContain('cookie: a=1; b=2\r\n');
    expect(request).not.toMatch(/\r\n(te|:\w+):/i);
    vendor.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n2\r\nok\r\n0\r\nx-sum: abc\r\n\r\n');
    expect(await answerTo(stream)).toMatchObject({ status: 200, body: 'ok', trailers: { 'x-sum': 'abc' }, resetCode: 0 });
    // It is not asked a second time.
    const connections = old.peers.length;
    const next = answerTo(session.request({ ':path': '/y' }));
    await vendor.until(/GET \/y /);
    vendor.write('HTTP/1.1 204 No Content\r\n\r\n');
    expect((await next).status).toBe(204);
    expect(old.peers).toHaveLength(connections);
    session.close();
  });

  /** The vendor's answer to one request, as the agent sees it. */
  async function answered(bytes: string) {
    await startOld();
    const session = await rig.connect();
    const answer = answerTo(session.request({ ':path': '/x' }));
    await eventually(() => old.received.join('') !== '');
    const vendor = await old.peer(old.received.findIndex((text) => text !== ''));
    vendor.write(bytes);
    const seen = await answer;
    session.close();
    return seen;
  }

  test.each(['constructor', '__proto__', 'toString', 'http2-settings'])(
    'THREATS 34: a trailer called %s does not end the process, and the answer comes',
    async (name) => {
      const { status, body } = await answered(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${name}: x\r\n\r\n`);
      expect([status, body]).toEqual([200, 'ok']);
    },
  );

  test('may say a header twice that should be said once: over HTTP/1.1 that passes, too', async () => {
    const { status, body } = await answered(
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-content-type-options: nosniff\r\nx-content-type-options: nosniff\r\netag: "a"\r\netag: "a"\r\n\r\nok',
    );
    expect([status, body]).toEqual([200, 'ok']);
  });

  test('switches no protocols that nobody asked it to', async () => {
    const { status, headers } = await answered('HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    expect([status, headers['x-leasehold-error']]).toEqual([502, 'upstream_protocol_error']);
  });

  test.each([
    ['CR LF in a value', ['x-a', 'b\r\nauthorization: mine']],
    ['LF in a value', ['x-a', 'b\nauthorization: mine']],
    ['a NUL in a value', ['x-a', 'b\0authorization: mine']],
    ['CR LF in a name', ['x-a\r\nauthorization', 'mine']],
    ['CR LF in :path', [':path', '/x HTTP/1.1\r\nauthorization: mine']],
    ['CR LF in :authority', [':authority', 'localhost\r\nauthorization: mine']],
    ['CR LF in a cookie', ['cookie', 'a=b\r\nauthorization: mine']],
  ] as const)('THREATS 7: %s splits nothing for it', async (_, field) => {
    await startOld();
    const socket = await openByHand(rig);
    socket.write(frame(1, 5, 1, headOf(rig.authority, [field])));
    await Promise.race([framesFor(socket, 1), eventually(() => old.received.join('') !== '')]);
    // A plain request behind it shows what its bytes look like at all.
    const session = await rig.connect();
    const index = old.peers.length;
    const answer = answerTo(session.request({ ':path': '/plain' }));
    await eventually(() => old.received.join('').includes('GET /plain HTTP/1.1\r\n'));
    expect(old.received.join('')).not.toMatch(/mine|\0/);
    for (const peer of old.peers.slice(0, index + 1)) peer.socket.destroy();
    session.destroy();
    socket.destroy();
    await answer;
  });

  test('is no place for gRPC, and the agent is told why', async () => {
    await startOld();
    const session = await rig.connect();
    const stream = session.request({ ':path': '/a.B/C', ':method': 'POST', 'content-type': 'application/grpc+proto', te: 'trailers' });
    const { status, headers } = await answerTo(stream);
    expect([status, headers['grpc-status'], headers['x-leasehold-error']]).toEqual([200, '13', 'upstream_protocol_error']);
    expect(headers['grpc-message']).toContain('does not speak HTTP/2');
    session.close();
  });
});

describe('what is broken off is seen to be', () => {
  test('an upload that the agent breaks off never looks whole to the vendor', async () => {
    const ended: string[] = [];
    await start((stream) => {
      stream.on('data', () => undefined);
      stream.on('aborted', () => ended.push('aborted'));
      stream.on('close', () => ended.push(`reset ${stream.rstCode}`));
    });
    const session = await rig.connect();
    const abort = new AbortController();
    const stream = session.request({ ':path': '/x', ':method': 'POST' }, { signal: abort.signal });
    stream.on('error', () => undefined);
    stream.write('beginning');
    await eventually(() => seen.length === 1);
    abort.abort();
    await eventually(() => ended.length === 2);
    expect(ended).toEqual(['aborted', 'reset 8']);
    expect(outcomes()).toEqual([['forwarded', 499]]);
    session.close();
  });

  test.each([0, 2])('an answer that the vendor resets with code %i never looks whole to the agent', async (code) => {
    await start((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('beginning');
      setImmediate(() => stream.destroy(code === 0 ? undefined : new Error('broken')));
    });
    const session = await rig.connect();
    const { status, body, resetCode } = await answerTo(session.request({ ':path': '/x' }));
    expect([status, body]).toEqual([200, 'beginning']);
    expect(resetCode).not.toBe(0);
    expect(outcomes()).toEqual([['upstream_unreachable', 200]]);
    session.close();
  });

  test('a vendor that goes away is 502 before the head, and a reset after it', async () => {
    await start((stream, rawHeaders) => {
      if (rawHeaders.includes('/late')) stream.respond({ ':status': 200 });
    });
    const session = await rig.connect();
    const begun = session.request({ ':path': '/late' });
    const late = answerTo(begun);
    await once(begun, 'response');
    const early = answerTo(session.request({ ':path': '/early' }));
    await eventually(() => seen.length === 2);
    for (const socket of rig.vendorSockets) socket.destroy();
    const { status, headers } = await early;
    expect([status, headers['x-leasehold-error']]).toEqual([502, 'upstream_unreachable']);
    expect((await late).resetCode).toBe(2);
    session.close();
  });

  test('INV-6: a revocation resets its streams, on both sides, and not the connection', async () => {
    await start((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('data: one\n\n');
    });
    const session = await rig.connect();
    const stream = session.request({ ':path': '/x' });
    const answered = answerTo(stream);
    await once(stream, 'data');
    const vendorSide = once(seen[0]?.stream ?? stream, 'close');
    rig.path.leases.revoke();
    expect((await answered).resetCode).toBe(2);
    await vendorSide;
    expect(outcomes()).toEqual([['lease_revoked', 200]]);
    rig.path.leases.refusedBy = undefined;
    const next = session.request({ ':path': '/x' });
    await once(next, 'response');
    session.destroy();
  });
});

describe('memory stays flat', () => {
  test('when the agent does not read, and when the vendor does not', async () => {
    await start((stream) => {
      stream.respond({ ':status': 200 });
      stream.pause();
    });
    const session = await rig.connect();
    const stream = session.request({ ':path': '/x', ':method': 'POST' });
    await once(stream, 'response');
    const piece = Buffer.alloc(1_048_576);
    stream.pause();
    for (const side of [stream, seen[0]?.stream]) {
      let isFull = false;
      for (let sent = 0; sent < 32 && !isFull; sent += 1) {
        if (side?.write(piece) === true) continue;
        const drained = once(side ?? stream, 'drain').then(() => true);
        isFull = !(await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, 300, false))]));
      }
      expect(isFull).toBe(true);
    }
    session.destroy();
  });
});
