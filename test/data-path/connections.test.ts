import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from './eventually.ts';
import { type DataPath, type DataPathChanges, revokedError, routeTo, secretValue, startDataPath } from './rig.ts';
import { answerEach, openPeer, type Peer, parseAnswer, type Script, type ScriptedUpstream, startUpstream } from './sockets.ts';

let upstream: ScriptedUpstream;
let path: DataPath;
const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function start(script: Script, changes: DataPathChanges = {}): Promise<void> {
  upstream = await startUpstream(script);
  path = await startDataPath(changes);
  closers.push(upstream.close, path.close);
  path.route(routeTo(`http://localhost:${upstream.port}`));
}

const silent: Script = () => undefined;
const ok: Script = (peer) => answerEach(peer, 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
const okBytes = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

async function ask(name = 'api', method = 'GET', rest = ''): Promise<Peer> {
  const agent = await openPeer(path.port);
  agent.write(`${method} /${name}/x HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\nconnection: close\r\n${rest}\r\n`);
  return agent;
}

async function answerTo(agent: Peer): Promise<{ status: number; code: string | undefined; retryAfter: string | undefined }> {
  const { status, headers } = parseAnswer((await agent.closed()).received);
  return { status, code: headers['x-leasehold-error'], retryAfter: headers['retry-after'] };
}

describe('THREATS 40: a connection never carries what belongs to another', () => {
  beforeEach(() => start(ok));

  test('one credential uses its connection again', async () => {
    for (let round = 0; round < 3; round += 1) expect((await answerTo(await ask())).status).toBe(200);
    expect(upstream.peers).toHaveLength(1);
  });

  test('the same routes told again change nothing about it', async () => {
    await answerTo(await ask());
    path.route(routeTo(`http://localhost:${upstream.port}`));
    await answerTo(await ask());
    expect(upstream.peers).toHaveLength(1);
  });

  test('two credentials for one host have a connection each, however their requests alternate', async () => {
    const url = `http://localhost:${upstream.port}`;
    path.leases.values.set('crd_other', 'sk-other-9876543210');
    path.route(routeTo(url), routeTo(url, { credentialId: 'crd_other', credentialName: 'other' }));
    for (const name of ['api', 'other', 'api', 'other']) expect((await answerTo(await ask(name))).status).toBe(200);
    expect(upstream.peers).toHaveLength(2);
    const mixed = upstream.received.filter((text) => text.includes(secretValue) && text.includes('sk-other-9876543210'));
    expect(mixed).toEqual([]);
    expect(upstream.received.map((text) => text.match(/GET /g)?.length)).toEqual([2, 2]);
  });

  test('a new version of a credential begins with connections of its own', async () => {
    await answerTo(await ask());
    path.leases.values.set('crd_api', 'sk-rotated-9876543210');
    expect((await answerTo(await ask())).status).toBe(200);
    expect(upstream.received.map((text) => /Bearer (\S+)/.exec(text)?.[1])).toEqual([secretValue, 'sk-rotated-9876543210']);
  });

  test('a destination whose rules were changed is dialled anew under the new ones', async () => {
    await answerTo(await ask());
    path.route(routeTo(`http://localhost:${upstream.port}`, { destination: { privateCidrs: [] } }));
    expect((await answerTo(await ask())).code).toBe('address_forbidden');
    expect(upstream.peers).toHaveLength(1);
  });

  test('two hosts under one pattern have a connection each', async () => {
    const pattern = { hostPattern: '*.api.example', port: upstream.port };
    path.route(routeTo(`http://localhost:${upstream.port}`, { destination: pattern }));
    for (const host of ['a', 'b', 'a']) {
      const agent = await openPeer(path.port);
      const authority = `${host}.api.example:${upstream.port}`;
      agent.write(`GET http://${authority}/ HTTP/1.1\r\nhost: ${authority}\r\nconnection: close\r\n\r\n`);
      expect((await answerTo(agent)).status).toBe(200);
    }
    expect(upstream.received.map((text) => [...new Set(text.match(/host: \w/g))])).toEqual([['host: a'], ['host: b']]);
  });
});

describe('what waits for a connection', () => {
  test('is served in the order in which it came, and never more at once than there are connections', async () => {
    await start(silent, { upstream: { connectionsPerPool: 1 } });
    const agents: Peer[] = [];
    for (const method of ['GET', 'PUT', 'DELETE']) {
      agents.push(await ask('api', method));
      await eventually(() => path.leases.held.size === agents.length);
    }
    const vendor = await upstream.peer(0);
    for (const method of ['GET', 'PUT', 'DELETE']) {
      await vendor.until(new RegExp(`^${method} [\\s\\S]*\\r\\n\\r\\n$`));
      vendor.received = '';
      vendor.write(okBytes);
    }
    for (const agent of agents) expect((await answerTo(agent)).status).toBe(200);
    expect(upstream.peers).toHaveLength(1);
  });

  test('is bounded: one too many is 503 with Retry-After at once, and the others are served', async () => {
    await start(silent, { upstream: { connectionsPerPool: 1, maxWaiting: 1 } });
    const first = await ask();
    const vendor = await upstream.peer(0);
    await vendor.until(/\r\n\r\n/);
    const second = await ask();
    await eventually(() => path.leases.held.size === 2);
    expect(await answerTo(await ask())).toEqual({ status: 503, code: 'overloaded', retryAfter: '1' });
    vendor.write(okBytes);
    expect((await answerTo(first)).status).toBe(200);
    await vendor.until(/GET [\s\S]*GET /);
    vendor.write(okBytes);
    expect((await answerTo(second)).status).toBe(200);
  });

  test('is turned away once it has waited for too long', async () => {
    await start(silent, { upstream: { connectionsPerPool: 1, waitMs: 50 } });
    await ask();
    const vendor = await upstream.peer(0);
    await vendor.until(/\r\n\r\n/);
    expect(await answerTo(await ask())).toEqual({ status: 503, code: 'overloaded', retryAfter: '1' });
    expect(vendor.received.match(/GET /g)).toHaveLength(1);
  });

  test('leaves its place when its agent leaves', async () => {
    await start(silent, { upstream: { connectionsPerPool: 1, maxWaiting: 1 } });
    await ask();
    const vendor = await upstream.peer(0);
    await vendor.until(/\r\n\r\n/);
    const leaver = await ask();
    await eventually(() => path.leases.held.size === 2);
    leaver.socket.destroy();
    await eventually(() => path.uses.length === 1);
    expect(path.uses.map(({ outcome, httpStatus }) => [outcome, httpStatus])).toEqual([['bad_request', 499]]);
    const next = await ask('api', 'PUT');
    await eventually(() => path.leases.held.size === 2);
    vendor.write(okBytes);
    await vendor.until(/PUT /);
    vendor.write(okBytes);
    expect((await answerTo(next)).status).toBe(200);
    expect(vendor.received.match(/GET /g)).toHaveLength(1);
  });

  test('takes over from a connection that broke, on a new one', async () => {
    await start(silent, { upstream: { connectionsPerPool: 1 } });
    const first = await ask();
    const vendor = await upstream.peer(0);
    await vendor.until(/\r\n\r\n/);
    const second = await ask('api', 'PUT');
    await eventually(() => path.leases.held.size === 2);
    vendor.socket.destroy();
    expect((await answerTo(first)).code).toBe('upstream_unreachable');
    const other = await upstream.peer(1);
    await other.until(/^PUT /);
    other.write(okBytes);
    expect((await answerTo(second)).status).toBe(200);
  });

  test.each([
    ['was cut in the middle of its upload', () => [...path.leases.held][0]?.cut(revokedError)],
    ['was given up by its agent in the middle of its upload', (first: Peer) => first.socket.destroy()],
    ['was answered before its upload was whole', () => upstream.peers[0]?.write('HTTP/1.1 413 x\r\ncontent-length: 0\r\n\r\n')],
    ['was answered in no HTTP', () => upstream.peers[0]?.write('what?\r\n\r\n')],
  ])('is served after a request that %s, with nothing of it left on the connection', async (_, end) => {
    await start(silent, { upstream: { connectionsPerPool: 1 } });
    const first = await ask('api', 'POST', 'content-length: 10\r\n');
    first.write('12345');
    await (await upstream.peer(0)).until(/12345/);
    const second = await ask();
    await eventually(() => path.leases.held.size === 2);
    end(first);
    const vendor = await upstream.peer(1);
    await vendor.until(/^GET [\s\S]*\r\n\r\n$/);
    vendor.write(okBytes);
    expect((await answerTo(second)).status).toBe(200);
    expect(path.leases.held.size).toBe(0);
    expect(path.uses).toHaveLength(2);
  });
});

describe('pools', () => {
  test('at their limit give way when they are idle, and refuse when all are in use', async () => {
    await start(silent, { upstream: { maxPools: 1 } });
    const url = `http://localhost:${upstream.port}`;
    path.route(routeTo(url), routeTo(url, { credentialId: 'crd_other', credentialName: 'other' }));
    const first = await ask();
    const vendor = await upstream.peer(0);
    await vendor.until(/\r\n\r\n/);
    expect(await answerTo(await ask('other'))).toEqual({ status: 503, code: 'overloaded', retryAfter: '1' });
    vendor.write(okBytes);
    expect((await answerTo(first)).status).toBe(200);
    const second = await ask('other');
    (await upstream.peer(1)).write(okBytes);
    expect((await answerTo(second)).status).toBe(200);
    await vendor.closed();
  });

  test('that nobody uses are closed', async () => {
    await start(ok, { upstream: { idlePoolMs: 20 } });
    expect((await answerTo(await ask())).status).toBe(200);
    await (await upstream.peer(0)).closed();
    expect((await answerTo(await ask())).status).toBe(200);
  });

  test('end with the sidecar: what is in flight and what waits gets an answer', async () => {
    await start(silent, { upstream: { connectionsPerPool: 1 } });
    const first = await ask();
    await (await upstream.peer(0)).until(/\r\n\r\n/);
    const second = await ask();
    await eventually(() => path.leases.held.size === 2);
    await path.closeUpstream();
    expect((await answerTo(first)).status).toBe(502);
    expect(await answerTo(second)).toMatchObject({ status: 503, code: 'overloaded' });
  });
});
