import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestCa, type TestCa } from '../harness/certificates.ts';
import { type DataPath, type DataPathChanges, routeTo, startDataPath } from './rig.ts';
import { exchangeBytes, openPeer, parseAnswer, plainOk, type ScriptedUpstream, startUpstream } from './sockets.ts';

const any = ['127.0.0.0/8', '::1/128'];
let ca: TestCa;
let upstream: ScriptedUpstream;
let path: DataPath;

beforeAll(async () => {
  ca = await createTestCa();
});

afterEach(async () => {
  await path.close();
  await upstream.close();
});

async function ask(name = 'api'): Promise<{ status: number; code: string | undefined }> {
  const text = await exchangeBytes(path.port, `GET /${name}/x HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\nconnection: close\r\n\r\n`);
  const { status, headers } = parseAnswer(text);
  return { status, code: headers['x-leasehold-error'] };
}

describe('INV-8 and THREATS 14: a secret goes out over verified TLS or not at all', () => {
  async function serve(
    names: readonly string[],
    changes: { daysLeft?: number; authority?: TestCa; maxVersion?: 'TLSv1.1' | 'TLSv1.2' } = {},
  ): Promise<void> {
    const { daysLeft = 1, authority = ca, maxVersion } = changes;
    const { certPem, keyPem } = await authority.issue(names, { daysLeft });
    const old = maxVersion === 'TLSv1.1' ? ({ minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const) : {};
    upstream = await startUpstream(plainOk, { cert: certPem, key: keyPem, ...(maxVersion !== undefined && { maxVersion }), ...old });
    path = await startDataPath();
  }

  const trusting = (host: string) => path.route(routeTo(`https://${host}:${upstream.port}`, { destination: { caPem: ca.caPem } }));
  const tlsFailed = { status: 502, code: 'upstream_tls_failed' };

  test("with the destination's CA, the right name and time, it goes", async () => {
    await serve(['vendor.example']);
    trusting('vendor.example');
    expect(await ask()).toEqual({ status: 200, code: undefined });
  });

  test('TLS 1.2 is enough', async () => {
    await serve(['vendor.example'], { maxVersion: 'TLSv1.2' });
    trusting('vendor.example');
    expect((await ask()).status).toBe(200);
  });

  test('an address as host is checked against the addresses of the certificate', async () => {
    await serve(['127.0.0.1']);
    trusting('127.0.0.1');
    expect((await ask()).status).toBe(200);
  });

  test.each([
    ['of another CA', ['vendor.example'], 'stranger'],
    ['expired', ['vendor.example'], 'expired'],
    ['for another name', ['other.example'], 'fine'],
    ['for a name above', ['example'], 'fine'],
    ['of a server that speaks TLS 1.1 alone', ['vendor.example'], 'old'],
  ])('a certificate %s is refused, and no byte of the request is sent', async (_, names, kind) => {
    await serve(names, {
      ...(kind === 'expired' && { daysLeft: -1 }),
      ...(kind === 'stranger' && { authority: await createTestCa() }),
      ...(kind === 'old' && { maxVersion: 'TLSv1.1' }),
    });
    trusting('vendor.example');
    expect(await ask()).toEqual(tlsFailed);
    expect(upstream.received.join('')).toBe('');
    expect(path.uses).toMatchObject([{ outcome: 'upstream_tls_failed', httpStatus: 502 }]);
  });

  test('an address that the certificate does not name is refused, though a name would fit', async () => {
    await serve(['vendor.example']);
    trusting('127.0.0.1');
    expect(await ask()).toEqual(tlsFailed);
  });

  test("without a CA of its own a destination trusts the system's, which does not know ours", async () => {
    await serve(['vendor.example']);
    path.route(routeTo(`https://vendor.example:${upstream.port}`));
    expect(await ask()).toEqual(tlsFailed);
  });

  test('a CA that is not one fails the request, not the sidecar', async () => {
    await serve(['vendor.example']);
    path.route(routeTo(`https://vendor.example:${upstream.port}`, { destination: { caPem: 'no certificate' } }));
    expect(await ask()).toEqual(tlsFailed);
    trusting('vendor.example');
    expect((await ask()).status).toBe(200);
  });

  test('a server that does not speak TLS is refused', async () => {
    upstream = await startUpstream((peer) => peer.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
    path = await startDataPath();
    trusting('vendor.example');
    expect(await ask()).toEqual(tlsFailed);
  });

  test('NODE_TLS_REJECT_UNAUTHORIZED turns nothing off', async () => {
    await serve(['vendor.example'], { authority: await createTestCa() });
    trusting('vendor.example');
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      expect(await ask()).toEqual(tlsFailed);
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
  });

  test('THREATS 13: http:// asked for an https credential goes out over TLS', async () => {
    await serve(['vendor.example']);
    trusting('vendor.example');
    const host = `vendor.example:${upstream.port}`;
    const text = await exchangeBytes(path.port, `GET http://${host}/x HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    expect(parseAnswer(text).status).toBe(200);
    const [peer] = upstream.peers;
    expect(peer?.socket).toHaveProperty('encrypted', true);
  });
});

describe('THREATS 11: every address is checked, on every new connection, and the checked one is dialled', () => {
  beforeEach(async () => {
    upstream = await startUpstream(plainOk);
  });

  async function open(
    lists: readonly (readonly string[])[],
    privateCidrs: readonly string[],
    changes: DataPathChanges = {},
  ): Promise<void> {
    path = await startDataPath(changes);
    path.names.set('vendor.example', [...lists]);
    path.route(routeTo(`http://vendor.example:${upstream.port}`, { destination: { privateCidrs } }));
  }

  const forbidden = { status: 403, code: 'address_forbidden' };

  test.each([
    '127.0.0.1',
    '::1',
    '0.0.0.0',
    '10.0.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '::',
  ])('%s is refused unless it is listed, and nothing is dialled', async (address) => {
    await open([[address]], []);
    expect(await ask()).toEqual(forbidden);
    expect(upstream.peers).toHaveLength(0);
  });

  test('a listed range is dialled', async () => {
    await open([['127.0.0.1']], any);
    expect((await ask()).status).toBe(200);
  });

  test('one forbidden address among good ones is enough', async () => {
    await open([['127.0.0.1', '10.0.0.1']], any);
    expect(await ask()).toEqual(forbidden);
  });

  test('a name that flips between two look-ups is refused at the second connection', async () => {
    await open([['127.0.0.1'], ['169.254.169.254']], any);
    expect((await ask()).status).toBe(200);
    upstream.peers[0]?.socket.destroy();
    await upstream.peers[0]?.closed();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await ask()).toEqual(forbidden);
  });

  test('an address as host is checked too', async () => {
    path = await startDataPath();
    path.route(routeTo(`http://127.0.0.1:${upstream.port}`, { destination: { privateCidrs: [] } }));
    expect(await ask()).toEqual(forbidden);
  });

  test('what nobody listens on makes way for the next address', async () => {
    await open([['127.0.0.2', '127.0.0.1']], any);
    expect((await ask()).status).toBe(200);
  });

  test.each([
    ['that has no address', [[]]],
    ['that nobody listens on', [['127.0.0.2', '127.0.0.3']]],
  ])('a name %s is 502', async (_, lists) => {
    await open(lists, any);
    expect(await ask()).toEqual({ status: 502, code: 'upstream_unreachable' });
  });

  test('a resolver that never answers is 504', async () => {
    await open([['127.0.0.1']], any, { upstream: { timeoutMs: 100, resolve: () => undefined } });
    expect(await ask()).toEqual({ status: 504, code: 'upstream_timeout' });
  });

  test('a handshake that never ends is 504', async () => {
    await upstream.close();
    upstream = await startUpstream(() => undefined);
    path = await startDataPath({ upstream: { timeoutMs: 200 } });
    path.route(routeTo(`https://vendor.example:${upstream.port}`));
    expect(await ask()).toEqual({ status: 504, code: 'upstream_timeout' });
    await upstream.peers[0]?.closed();
  });
});

describe('THREATS 40: connections', () => {
  beforeEach(async () => {
    upstream = await startUpstream(plainOk);
    path = await startDataPath({ upstream: { connectionsPerPool: 2, maxWaiting: 1, maxPools: 3 } });
  });

  const one = () => routeTo(`http://localhost:${upstream.port}`);
  const other = () => routeTo(`http://localhost:${upstream.port}`, { credentialId: 'crd_other', credentialName: 'other' });

  test('are kept for a credential, and never shared with another', async () => {
    path.route(one(), other());
    path.leases.values.set('crd_other', 'sk-of-the-other-0123');
    for (const name of ['api', 'other', 'api', 'other']) expect((await ask(name)).status).toBe(200);
    const values = upstream.received.map((text) => new Set(text.match(/Bearer \S+/g)).size);
    expect(values).toEqual([1, 1]);
  });

  test('are never shared between the versions of one', async () => {
    path.route(one());
    await ask();
    path.leases.values.set('crd_api', 'sk-rotated-0123456789');
    await ask();
    expect(upstream.peers).toHaveLength(2);
  });

  test('are kept when the broker sends the same routes again', async () => {
    path.route(one());
    await ask();
    path.route(one());
    await ask();
    expect(upstream.peers).toHaveLength(1);
  });

  test('are not kept when the destination trusts other addresses or another CA', async () => {
    path.route(one());
    await ask();
    path.route(routeTo(`http://localhost:${upstream.port}`, { destination: { privateCidrs: [] } }));
    expect((await ask()).code).toBe('address_forbidden');
  });

  test('are bounded, and so is what waits for them', async () => {
    await upstream.close();
    upstream = await startUpstream(() => undefined);
    path.route(one());
    const waiting = [];
    for (let n = 0; n < 3; n += 1) {
      const agent = await openPeer(path.port);
      agent.write(`GET /api/x HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\n\r\n`);
      waiting.push(agent);
      while (path.leases.held.size <= n) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await ask()).toEqual({ status: 503, code: 'overloaded' });
    expect(path.leases.held.size).toBe(3);
    for (const { socket } of waiting) socket.destroy();
  });

  test('that an agent leaves while it waits, make room in the queue', async () => {
    await upstream.close();
    upstream = await startUpstream(() => undefined);
    path.route(one());
    for (let n = 0; n < 4; n += 1) {
      const agent = await openPeer(path.port);
      agent.write(`GET /api/x HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\n\r\n`);
      while (path.uses.length + path.leases.held.size <= n) await new Promise((resolve) => setImmediate(resolve));
      if (n < 2) continue;
      agent.socket.destroy();
      while (path.uses.length < n - 1) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(path.uses.map(({ outcome, httpStatus }) => [outcome, httpStatus])).toEqual([
      ['bad_request', 499],
      ['bad_request', 499],
    ]);
  });

  test('a wait that takes too long is 503', async () => {
    await path.close();
    await upstream.close();
    upstream = await startUpstream(() => undefined);
    path = await startDataPath({ upstream: { connectionsPerPool: 1, waitMs: 50 } });
    path.route(one());
    const first = await openPeer(path.port);
    first.write(`GET /api/x HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\n\r\n`);
    await upstream.peer(0);
    expect(await ask()).toEqual({ status: 503, code: 'overloaded' });
  });

  test('idle pools make way for others, busy ones do not', async () => {
    path.route(
      ...['a', 'b', 'c', 'd'].map((name) => routeTo(`http://localhost:${upstream.port}`, { credentialId: name, credentialName: name })),
    );
    for (const name of ['a', 'b', 'c', 'd']) expect((await ask(name)).status).toBe(200);
    expect(upstream.peers).toHaveLength(4);
  });
});
