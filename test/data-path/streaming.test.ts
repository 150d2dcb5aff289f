import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DataPath, routeTo, startDataPath } from './rig.ts';
import { answerEach, openPeer, openSockets, type Peer, parseAnswer, type ScriptedUpstream, startUpstream } from './sockets.ts';

let upstream: ScriptedUpstream;
let path: DataPath;

beforeEach(async () => {
  upstream = await startUpstream(() => undefined);
  path = await startDataPath();
  path.route(routeTo(`http://localhost:${upstream.port}`));
});

afterEach(async () => {
  await path.close();
  await upstream.close();
});

async function ask(method: string, rest = '', connection = 'close'): Promise<{ agent: Peer; vendor: Peer }> {
  const agent = await openPeer(path.port);
  const index = upstream.peers.length;
  agent.write(`${method} /api/x HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\nconnection: ${connection}\r\n${rest}\r\n`);
  return { agent, vendor: await upstream.peer(index) };
}

const outcomes = () => path.uses.map(({ outcome, httpStatus }) => [outcome, httpStatus]);

describe('answers', () => {
  test('a length is kept, hop-by-hop headers and what they nominate go, several of a name stay', async () => {
    const { agent, vendor } = await ask('GET');
    vendor.write(
      'HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nConnection: x-hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nAlt-Svc: h3=":443"\r\nX-Leasehold-Error: no_grant\r\nX-Kept: yes\r\n\r\nok',
    );
    const { status, headers, body } = parseAnswer((await agent.closed()).received);
    expect([status, body, headers['content-length'], headers['set-cookie'], headers['x-kept']]).toEqual([
      200,
      'ok',
      '2',
      'a=1, b=2',
      'yes',
    ]);
    for (const name of ['x-hop', 'proxy-authenticate', 'alt-svc', 'x-leasehold-error']) expect(headers).not.toHaveProperty(name);
  });

  test.each([204, 304])('%i has no body', async (status) => {
    const { agent, vendor } = await ask('GET');
    vendor.write(`HTTP/1.1 ${status} x\r\netag: "a"\r\n\r\n`);
    const answer = parseAnswer((await agent.closed()).received);
    expect([answer.status, answer.headers.etag, answer.body]).toEqual([status, '"a"', '']);
  });

  test('HEAD keeps the length that a GET would have, and no body follows', async () => {
    const { agent, vendor } = await ask('HEAD');
    vendor.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n');
    const { headers, body } = parseAnswer((await agent.closed()).received);
    expect([headers['content-length'], body]).toEqual(['5', '']);
  });

  test('interim answers without end are none: after 16 of them the agent is told', async () => {
    const { agent, vendor } = await ask('GET');
    vendor.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(17));
    const { received } = await agent.closed();
    expect(received.match(/103 Early Hints/g)).toHaveLength(16);
    expect(received).toMatch(/HTTP\/1\.1 502 .*x-leasehold-error: upstream_protocol_error/s);
  });

  test('the head of a stream does not wait for its first event, whatever names stand in its values', async () => {
    const { agent, vendor } = await ask('GET');
    vendor.write(
      'HTTP/1.1 200 OK\r\naccess-control-expose-headers: content-length\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n',
    );
    expect(await agent.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 200 OK/);
  });

  test('an interim answer goes on before the final one; HTTP/1.0 agents are spared it', async () => {
    const interim = 'HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';
    const { agent, vendor } = await ask('GET');
    vendor.write(interim);
    expect((await agent.closed()).received).toMatch(
      /^HTTP\/1\.1 103 Early Hints\r\nlink: <http:\/\/127\.0\.0\.1:\d+\/api\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK\r\n/,
    );
    const old = await openPeer(path.port);
    old.write(`GET /api/x HTTP/1.0\r\nhost: 127.0.0.1:${path.port}\r\n\r\n`);
    // The vendor's connection is used again.
    await vendor.until(/GET [\s\S]*GET /);
    vendor.write(interim);
    expect((await old.closed()).received).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  test('each event of a stream goes on at once, the head before the first one', async () => {
    const { agent, vendor } = await ask('GET');
    vendor.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n');
    await agent.until(/\r\n\r\n/);
    for (const event of ['data: one\n\n', 'data: two\n\n']) {
      vendor.write(`${event.length.toString(16)}\r\n${event}\r\n`);
      await agent.until(new RegExp(event.trim()));
    }
    vendor.write('0\r\n\r\n');
    expect((await agent.closed()).received).toMatch(/\r\n0\r\n\r\n$/);
    expect(outcomes()).toEqual([['forwarded', 200]]);
  });

  test('trailers go on behind chunks', async () => {
    const { agent, vendor } = await ask('GET');
    vendor.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-checksum: abc\r\nset-cookie: a=b\r\n\r\n');
    expect((await agent.closed()).received).toMatch(/\r\n0\r\nx-checksum: abc\r\n\r\n$/);
  });

  test('connections are kept on both sides, and used again', async () => {
    const kept = await startUpstream((peer) => answerEach(peer, 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
    path.route(routeTo(`http://localhost:${kept.port}`));
    const agent = await openPeer(path.port);
    for (let round = 1; round <= 3; round += 1) {
      agent.write(`GET /api/x HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\n\r\n`);
      await agent.until(new RegExp(`(?:ok[^]*){${round}}`));
    }
    expect(kept.peers).toHaveLength(1);
    expect(outcomes()).toEqual([1, 2, 3].map(() => ['forwarded', 200]));
    await kept.close();
  });

  test('an agent that reads slowly holds the vendor back: memory stays flat', async () => {
    const { agent, vendor } = await ask('GET');
    agent.socket.pause();
    const size = 64 * 1_048_576;
    vendor.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`);
    const piece = Buffer.alloc(1_048_576, 'x');
    let isFull = false;
    for (let sent = 0; sent < size && !isFull; sent += piece.length) {
      if (!vendor.socket.write(piece)) isFull = !(await drainedSoon(vendor));
    }
    // Full buffers of the kernel and of both sockets are much less than the answer.
    expect(isFull).toBe(true);
    const before = agent.received.length;
    agent.socket.resume();
    while (agent.received.length < before + 4_194_304) await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('a body cut short is seen to be', () => {
  test.each([
    ['with a length', 'content-length: 100\r\n\r\nbeginning'],
    ['in chunks', 'transfer-encoding: chunked\r\n\r\n9\r\nbeginning\r\n'],
  ])('the vendor breaks off %s', async (_, rest) => {
    const { agent, vendor } = await ask('GET');
    vendor.write(`HTTP/1.1 200 OK\r\n${rest}`);
    await agent.until(/beginning/);
    vendor.socket.destroy();
    const { received } = await agent.closed();
    expect(received.endsWith('0\r\n\r\n')).toBe(false);
    expect(outcomes()).toEqual([['upstream_unreachable', 200]]);
  });

  test('the agent breaks off its upload: the vendor never sees an end', async () => {
    const { agent, vendor } = await ask('POST', 'transfer-encoding: chunked\r\n');
    agent.write('9\r\nbeginning\r\n');
    await vendor.until(/beginning/);
    agent.socket.destroy();
    const { received } = await vendor.closed();
    expect(received).not.toMatch(/\r\n0\r\n\r\n$/);
    expect(outcomes()).toEqual([['forwarded', 499]]);
  });

  test('the agent goes away while it waits for an answer: so does the request at the vendor', async () => {
    const { agent, vendor } = await ask('GET');
    await vendor.until(/\r\n\r\n/);
    agent.socket.destroy();
    await vendor.closed();
    expect(outcomes()).toEqual([['forwarded', 499]]);
    expect(path.leases.held.size).toBe(0);
  });

  test('an agent that ends its half of the connection is taken for gone, as nginx takes it: nobody could tell the two apart', async () => {
    const { agent, vendor } = await ask('GET');
    await vendor.until(/\r\n\r\n/);
    agent.socket.end();
    await vendor.closed();
    expect(outcomes()).toEqual([['forwarded', 499]]);
  });

  test('a vendor that ends its half behind a body without length has ended the body', async () => {
    const { agent, vendor } = await ask('GET');
    vendor.write('HTTP/1.1 200 OK\r\n\r\nall of it');
    vendor.socket.end();
    expect((await agent.closed()).received).toMatch(/\r\nall of it\r\n0\r\n\r\n$/);
    expect(outcomes()).toEqual([['forwarded', 200]]);
  });

  test('the agent goes away while its lease is borrowed: nothing is sent, and it is on record', async () => {
    const borrowed = Promise.withResolvers<void>();
    path.leases.borrowing = borrowed.promise;
    const agent = await openPeer(path.port);
    agent.write(`GET /api/x HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\n\r\n`);
    await new Promise((resolve) => setImmediate(resolve));
    agent.socket.destroy();
    while (path.uses.length === 0) await new Promise((resolve) => setImmediate(resolve));
    borrowed.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    expect(outcomes()).toEqual([['bad_request', 499]]);
    expect(upstream.peers).toHaveLength(0);
  });
});

describe('uploads', () => {
  test.each([
    ['a length', 'content-length: 5\r\n', 'hello', /content-length: 5\r\n\r\nhello$/],
    ['chunks', 'transfer-encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n', /\r\n0\r\n\r\n$/],
  ])('a body with %s arrives whole', async (_, rest, body, arrived) => {
    const { agent, vendor } = await ask('POST', rest);
    agent.write(body);
    expect(await vendor.until(arrived)).toContain('hello');
    vendor.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    expect(parseAnswer((await agent.closed()).received).status).toBe(200);
  });

  test('an empty body with a length of 0 stays one', async () => {
    const { agent, vendor } = await ask('POST', 'content-length: 0\r\n');
    await vendor.until(/content-length: 0\r\n\r\n$/);
    vendor.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    await agent.closed();
  });

  test('pieces go on as they come', async () => {
    const { agent, vendor } = await ask('POST', 'transfer-encoding: chunked\r\n');
    for (const word of ['one', 'two']) {
      agent.write(`3\r\n${word}\r\n`);
      await vendor.until(new RegExp(word));
    }
  });

  test('Expect: 100-continue is answered once the lease is there, and is not forwarded', async () => {
    const { agent, vendor } = await ask('POST', 'content-length: 5\r\nexpect: 100-continue\r\n');
    await agent.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    agent.write('hello');
    expect(await vendor.until(/hello/)).not.toMatch(/expect/i);
    vendor.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    expect((await agent.closed()).received).toMatch(/\r\n\r\nHTTP\/1\.1 200 OK/);
  });

  test('an agent that is refused is not told to send its body first, and its connection ends', async () => {
    path.leases.values.clear();
    const agent = await openPeer(path.port);
    agent.write(`POST /api/x HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n`);
    const { status, headers } = parseAnswer((await agent.closed()).received);
    expect([status, headers.connection]).toEqual([403, 'close']);
  });

  test('an early answer reaches the agent whole, and the rest of the upload hurts nobody', async () => {
    const { agent, vendor } = await ask('POST', 'content-length: 3000000\r\n', 'keep-alive');
    agent.write('x'.repeat(1_000));
    await vendor.until(/xxx/);
    vendor.write('HTTP/1.1 413 Too Large\r\ncontent-length: 7\r\n\r\ntoo big');
    await agent.until(/too big/);
    agent.write('x'.repeat(2_999_000));
    agent.write(`GET /nobody HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\nconnection: close\r\n\r\n`);
    const { received } = await agent.closed();
    expect(received).toMatch(/^HTTP\/1\.1 413[\s\S]*too bigHTTP\/1\.1 403 /);
    expect(path.uses[0]).toMatchObject({ outcome: 'forwarded', httpStatus: 413 });
  });

  test('a refusal reaches an agent that is still sending', async () => {
    path.leases.values.clear();
    const agent = await openPeer(path.port);
    agent.write(`POST /api/x HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\ncontent-length: 3000000\r\n\r\n`);
    agent.write('x'.repeat(3_000_000));
    await agent.until(/no_grant/);
    agent.write(`GET /api/x HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\nconnection: close\r\n\r\n`);
    expect((await agent.closed()).received.match(/HTTP\/1\.1 403/g)).toHaveLength(2);
  });

  test('THREATS 39: an agent that stops in the middle of a body is given up, and its connection to the vendor freed', async () => {
    const strict = await startDataPath({ proxy: { bodyIdleMs: 150 } });
    strict.route(routeTo(`http://localhost:${upstream.port}`));
    const agent = await openPeer(strict.port);
    agent.write(`POST /api/x HTTP/1.1\r\nhost: 127.0.0.1:${strict.port}\r\ncontent-length: 50\r\n\r\nbeginning`);
    await agent.until(/x-leasehold-error: bad_request/);
    await (await upstream.peer(0)).closed();
    expect(strict.uses.map(({ outcome }) => outcome)).toEqual(['bad_request']);
    await strict.close();
  });

  test('an answer that has begun goes on beside an upload that is quiet', async () => {
    const strict = await startDataPath({ proxy: { bodyIdleMs: 150 } });
    strict.route(routeTo(`http://localhost:${upstream.port}`));
    const agent = await openPeer(strict.port);
    const index = upstream.peers.length;
    agent.write(`POST /api/x HTTP/1.1\r\nhost: 127.0.0.1:${strict.port}\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n`);
    const vendor = await upstream.peer(index);
    await vendor.until(/hello/);
    vendor.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n');
    await agent.until(/first/);
    await new Promise((resolve) => setTimeout(resolve, 400));
    vendor.write('4\r\nlast\r\n0\r\n\r\n');
    await agent.until(/last/);
    agent.socket.destroy();
    await strict.close();
  });

  test('a connection whose request was refused before its body was whole is idle afterwards, and not kept for ever', async () => {
    const agent = await openPeer(path.port);
    agent.write(`POST /nobody/x HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\ncontent-length: 5\r\n\r\n`);
    await agent.until(/^HTTP\/1\.1 403/);
    agent.write('hello');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(openSockets(path.port).map(({ timeout }) => (timeout ?? 0) > 0)).toEqual([true]);
    agent.socket.destroy();
  });

  test('a vendor that takes no more of a body is not blamed on the agent', async () => {
    const strict = await startDataPath({ proxy: { bodyIdleMs: 300 } });
    strict.route(routeTo(`http://localhost:${upstream.port}`));
    const agent = await openPeer(strict.port);
    const index = upstream.peers.length;
    agent.write(`POST /api/x HTTP/1.1\r\nhost: 127.0.0.1:${strict.port}\r\ncontent-length: ${64 * 1_048_576}\r\n\r\n`);
    agent.write('x');
    (await upstream.peer(index)).socket.pause();
    agent.socket.write(Buffer.alloc(63 * 1_048_576));
    await agent.until(/^HTTP\/1\.1 504 .*x-leasehold-error: upstream_timeout/s);
    expect(strict.uses.map(({ outcome }) => outcome)).toEqual(['upstream_timeout']);
    agent.socket.destroy();
    await strict.close();
  });

  test('a vendor that reads slowly holds the agent back: memory stays flat', async () => {
    const { agent, vendor } = await ask('POST', `content-length: ${64 * 1_048_576}\r\n`);
    vendor.socket.pause();
    const piece = Buffer.alloc(1_048_576, 'x');
    let isFull = false;
    for (let sent = 0; sent < 64 && !isFull; sent += 1) if (!agent.socket.write(piece)) isFull = !(await drainedSoon(agent));
    expect(isFull).toBe(true);
  });
});

describe('a vendor that does not answer as it should', () => {
  test.each([
    ['no HTTP', 'hello\r\n\r\n', 'upstream_protocol_error', 502],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx', 'upstream_protocol_error', 502],
    ['length with chunks', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\nx', 'upstream_protocol_error', 502],
    ['a head without end', `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(70_000)}`, 'upstream_protocol_error', 502],
    [
      'an upgrade that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
      'upstream_unreachable',
      502,
    ],
  ])('%s', async (_, bytes, code, expected) => {
    const { agent, vendor } = await ask('GET');
    vendor.write(bytes);
    const { status, headers } = parseAnswer((await agent.closed()).received);
    expect([headers['x-leasehold-error'], status]).toEqual([code, expected]);
    expect(outcomes()).toEqual([[code, expected]]);
  });

  test('a closed connection without an answer is 502', async () => {
    const { agent, vendor } = await ask('GET');
    await vendor.until(/\r\n\r\n/);
    vendor.socket.end();
    expect(parseAnswer((await agent.closed()).received).status).toBe(502);
  });

  test('no answer in time is 504', async () => {
    const quick = await startDataPath({ upstream: { headersTimeoutMs: 100 } });
    quick.route(routeTo(`http://localhost:${upstream.port}`));
    const agent = await openPeer(quick.port);
    agent.write(`GET /api/x HTTP/1.1\r\nhost: 127.0.0.1:${quick.port}\r\nconnection: close\r\n\r\n`);
    const { status, headers } = parseAnswer((await agent.closed()).received);
    expect([status, headers['x-leasehold-error']]).toEqual([504, 'upstream_timeout']);
    await quick.close();
  });
});

/** Whether the other side takes more within a moment; if not, buffers are full all the way. */
function drainedSoon({ socket }: Peer): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      socket.off('drain', onDrain);
      resolve(false);
    }, 300);
    const onDrain = () => {
      clearTimeout(timer);
      resolve(true);
    };
    socket.once('drain', onDrain);
  });
}
