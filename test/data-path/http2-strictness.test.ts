import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from './eventually.ts';
import { frame, framesFor, headOf, openByHand } from './h2-frames.ts';
import { answerTo, type H2Rig, startH2Rig } from './h2-rig.ts';
import { revokedError, secretValue } from './rig.ts';
import { parseAnswer } from './sockets.ts';
import { openTunnel } from './tunnels.ts';

let rig: H2Rig;
let seen: (readonly string[])[];

beforeEach(async () => {
  seen = [];
  rig = await startH2Rig({
    onStream: (stream, rawHeaders) => {
      seen.push(rawHeaders);
      stream.respond({ ':status': 200 }, { endStream: true });
    },
  });
});

afterEach(() => rig.close());

const ask = async (headers: Record<string, string | string[]>) => {
  const session = await rig.connect();
  const answer = await answerTo(session.request({ ':path': '/x', ...headers }, { endStream: true }));
  session.destroy();
  return [answer.status, answer.headers['x-leasehold-error']];
};

describe('THREATS 4: everything that names the authority names that of the connection', () => {
  test.each([
    ['another :authority', { ':authority': 'evil.example' }],
    ['another port', { ':authority': 'localhost:1' }],
    ['a Host that disagrees', { host: 'evil.example' }],
  ])('%s is 421', async (_, headers) => {
    expect(await ask(headers)).toEqual([421, 'authority_mismatch']);
    expect(seen).toEqual([]);
    expect(rig.path.results).toEqual(['authority_mismatch']);
  });

  test('letter case and a final dot name the same', async () => {
    expect(await ask({ ':authority': rig.authority.replace('localhost', 'LocalHost.') })).toEqual([200, undefined]);
  });
});

describe('what HTTP/2 has no place for is refused', () => {
  test.each([
    ['another :scheme', { ':scheme': 'http' }, 400],
    ['a path in two readings', { ':path': '/a/../b' }, 400],
    ['TRACE', { ':method': 'TRACE' }, 403],
    ['an Expect that nobody knows', { expect: '200-ok' }, 400],
  ])('%s', async (_, headers, status) => {
    expect((await ask(headers))[0]).toBe(status);
    expect(seen).toEqual([]);
  });

  test('101 headers, or more than 32 KiB of them, are 431', async () => {
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`x-${n}`, '1']));
    expect(await ask(many)).toEqual([431, 'headers_too_large']);
    expect(await ask({ 'x-long': 'x'.repeat(33_000) })).toEqual([431, 'headers_too_large']);
    expect(seen).toEqual([]);
  });

  test('a CONNECT inside a tunnel is refused', async () => {
    const session = await rig.connect();
    const stream = session.request({ ':method': 'CONNECT', ':authority': rig.authority });
    const { status, headers } = await answerTo(stream);
    expect([status, headers['x-leasehold-error']]).toEqual([501, 'unsupported']);
    session.destroy();
  });
});

describe('frames written by hand', () => {
  const head = (...more: readonly (readonly [string, string])[]) => headOf(rig.authority, more);
  const open = () => openByHand(rig);

  test('a plain one is served', async () => {
    const socket = await open();
    socket.write(frame(1, 5, 1, head()));
    expect(await framesFor(socket, 1)).toContain(1);
    expect(seen).toHaveLength(1);
    socket.destroy();
  });

  test.each([
    ['THREATS 7: CR LF in a value', [['x-a', 'b\r\nauthorization: mine']]],
    ['THREATS 7: a NUL in a value', [['x-a', 'b\0']]],
    ['THREATS 7: CR LF in :path', [[':path', '/x\r\nhost: evil']]],
    ['a name in upper case', [['X-A', 'b']]],
    ['a name with a colon', [['x:a', 'b']]],
    [
      'a pseudo-header after a header',
      [
        ['x-a', 'b'],
        [':path', '/y'],
      ],
    ],
    ['a pseudo-header twice', [[':path', '/y']]],
    ['one that nobody knows', [[':x', 'y']]],
    ['Connection', [['connection', 'authorization']]],
    ['Transfer-Encoding', [['transfer-encoding', 'chunked']]],
    ['TE for more than trailers', [['te', 'gzip']]],
    [
      'two lengths',
      [
        ['content-length', '0'],
        ['content-length', '1'],
      ],
    ],
  ] as const)('%s goes nowhere', async (_, more) => {
    const socket = await open();
    socket.write(frame(1, 5, 1, head(...more)));
    await framesFor(socket, 1);
    // Refused, or gone without its field: Node drops some by itself.
    expect(seen.flat().filter((text) => more.some((field) => field.some((part) => text === part)))).toEqual([]);
    socket.destroy();
  });

  test('streams that are reset as soon as they are opened end the connection in the end', async () => {
    const socket = await open();
    socket.resume();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    for (let id = 1; id < 4_000 && socket.writable && !socket.readableEnded; id += 2) {
      socket.write(Buffer.concat([frame(1, 5, id, head()), frame(3, 0, id, Buffer.from([0, 0, 0, 8]))]));
      if (id % 100 === 1) await new Promise((resolve) => setImmediate(resolve));
    }
    await closed;
    await eventually(() => rig.path.leases.held.size === 0);
    expect(seen.length).toBeLessThan(2_000);
  });
});

test('THREATS 10: HTTP/2 in the clear is not spoken inside a tunnel', async () => {
  const tunnel = await openTunnel(rig.path.port, rig.authority);
  tunnel.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]));
  const { received } = await tunnel.closed();
  expect(received === '' || parseAnswer(received).status === 400).toBe(true);
  expect(seen).toEqual([]);
});

test('a connection without a request is not kept', async () => {
  const quick = await startH2Rig({ path: { proxy: { headTimeoutMs: 100 } } });
  const session = await quick.connect();
  await once(session, 'close');
  await quick.close();
});

test('THREATS 39: an agent that stops in the middle of a body is given up, and its stream at the vendor freed', async () => {
  const reset = Promise.withResolvers<void>();
  const strict = await startH2Rig({
    path: { proxy: { bodyIdleMs: 150 } },
    onStream: (stream) => stream.once('aborted', reset.resolve).resume(),
  });
  const session = await strict.connect();
  const stream = session.request({ ':path': '/x', ':method': 'POST' });
  stream.write('beginning');
  expect((await answerTo(stream)).status).toBe(400);
  await reset.promise;
  session.destroy();
  await strict.close();
});

test('a vendor that takes no more of a body is not blamed on the agent', async () => {
  const strict = await startH2Rig({ path: { proxy: { bodyIdleMs: 300 } }, onStream: (stream) => stream.pause() });
  const session = await strict.connect();
  const stream = session.request({ ':path': '/x', ':method': 'POST' });
  const answer = answerTo(stream);
  stream.write(Buffer.alloc(4 * 1_048_576));
  const { status, headers } = await answer;
  expect([status, headers['x-leasehold-error']]).toEqual([504, 'upstream_timeout']);
  session.destroy();
  await strict.close();
});

describe('INV-2, INV-3, INV-7: the last gate is asked where the head leaves', () => {
  test('with a live lease the secret goes out, by the gate in the write', async () => {
    expect(await ask({})).toEqual([200, undefined]);
    expect(rig.path.leases.gateAsked).toBeGreaterThan(1);
  });

  test('a lease that dies between the request and the write is not used, and what else the connection carries is told to try again', async () => {
    const open = await startH2Rig({
      onStream: (stream, rawHeaders) => stream.respond({ ':status': 200 }, { endStream: rawHeaders.includes('/late') }),
    });
    const session = await open.connect();
    const other = session.request({ ':path': '/other' });
    await once(other, 'response');
    const cut = answerTo(other);
    // Alive when the request is handed to Node, dead when Node writes it, a tick later.
    const { leases } = open.path;
    const { refusal } = leases;
    let asked = 0;
    leases.refusal = (entry, now) => {
      asked += 1;
      return asked === 1 ? refusal(entry, now) : revokedError;
    };
    const { status, headers } = await answerTo(session.request({ ':path': '/late' }, { endStream: true }));
    expect([status, headers['x-leasehold-error'], asked]).toEqual([403, 'lease_revoked', 2]);
    expect((await cut).resetCode).toBe(2);
    session.destroy();
    await open.close();
  });

  test('a lease that dies while the connection is made is not used', async () => {
    const resolved = Promise.withResolvers<void>();
    const slow = await startH2Rig({
      onStream: (_, rawHeaders) => seen.push(rawHeaders),
      path: { upstream: { resolve: (_, found) => void resolved.promise.then(() => found(null, ['127.0.0.1'])) } },
    });
    const session = await slow.connect();
    const answer = answerTo(session.request({ ':path': '/x' }, { endStream: true }));
    await eventually(() => slow.path.leases.held.size === 1);
    slow.path.leases.refusedBy = revokedError;
    resolved.resolve();
    expect((await answer).headers['x-leasehold-error']).toBe('lease_revoked');
    expect(seen).toEqual([]);
    session.destroy();
    await slow.close();
  });

  test('an agent that holds back its body does not hold back the gate: the head leaves at once, and is cut like a stream', async () => {
    const heads: (readonly string[])[] = [];
    const open = await startH2Rig({ onStream: (_, rawHeaders) => heads.push(rawHeaders) });
    const session = await open.connect();
    const stream = session.request({ ':path': '/x', ':method': 'POST' });
    await eventually(() => heads.length === 1);
    expect(heads[0]).toContain(`Bearer ${secretValue}`);
    expect([...open.path.leases.held].map((held) => held.isStreaming())).toEqual([true]);
    const answer = answerTo(stream);
    open.path.leases.revoke();
    expect((await answer).headers['x-leasehold-error']).toBe('lease_revoked');
    session.destroy();
    await open.close();
  });
});
