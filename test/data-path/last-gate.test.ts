import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from './eventually.ts';
import { type DataPath, revokedError, routeTo, secretValue, startDataPath } from './rig.ts';
import { openPeer, type Peer, parseAnswer, type ScriptedUpstream, startUpstream } from './sockets.ts';

// Nothing is cut here unless a test says so: what is not written was stopped by the gate alone, as when the sidecar is out of step and nobody has told it.

let upstream: ScriptedUpstream;
let path: DataPath;
let resolved: PromiseWithResolvers<void>;

beforeEach(async () => {
  upstream = await startUpstream(() => undefined);
  resolved = Promise.withResolvers();
  path = await startDataPath({ upstream: { connectionsPerPool: 1 } });
  path.route(routeTo(`http://localhost:${upstream.port}`));
});

afterEach(async () => {
  await path.close();
  await upstream.close();
});

async function ask(method: string, rest = ''): Promise<Peer> {
  const agent = await openPeer(path.port);
  agent.write(`${method} /api/x HTTP/1.1\r\nhost: 127.0.0.1:${path.port}\r\nconnection: close\r\n${rest}\r\n`);
  return agent;
}

async function expectRevoked(agent: Peer): Promise<void> {
  const { status, headers } = parseAnswer((await agent.closed()).received);
  expect([status, headers['x-leasehold-error']]).toEqual([403, 'lease_revoked']);
}

describe('INV-2, INV-3, INV-7: the last gate is asked in the tick that writes the head', () => {
  test('with a live lease the secret goes out', async () => {
    await ask('GET');
    const seen = await (await upstream.peer(0)).until(/\r\n\r\n/);
    expect(seen).toContain(`Bearer ${secretValue}`);
    expect(path.leases.gateAsked).toBe(1);
  });

  test('a lease that dies while its request waits behind a busy connection is not used', async () => {
    const first = await ask('GET');
    const vendor = await upstream.peer(0);
    await vendor.until(/\r\n\r\n/);
    const second = await ask('GET');
    await eventually(() => path.leases.held.size === 2);
    path.leases.refusedBy = revokedError;
    vendor.received = '';
    vendor.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    expect(parseAnswer((await first.closed()).received).status).toBe(200);
    await expectRevoked(second);
    expect(upstream.received.join('')).toBe('');
  });

  test('a lease that dies while the connection is made is not used', async () => {
    const slow = await startDataPath({
      upstream: {
        resolve: (_, callback) => {
          void resolved.promise.then(() => callback(null, ['127.0.0.1']));
        },
      },
    });
    slow.route(routeTo(`http://localhost:${upstream.port}`));
    const agent = await openPeer(slow.port);
    agent.write(`GET /api/x HTTP/1.1\r\nhost: 127.0.0.1:${slow.port}\r\nconnection: close\r\n\r\n`);
    await eventually(() => slow.leases.held.size === 1);
    slow.leases.refusedBy = revokedError;
    resolved.resolve();
    await expectRevoked(agent);
    expect(upstream.received.join('')).toBe('');
    await slow.close();
  });

  for (const [framing, rest, body] of [
    ['a length', 'content-length: 5\r\n', 'hello'],
    ['chunks', 'transfer-encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n'],
    ['chunks, none of them', 'transfer-encoding: chunked\r\n', '0\r\n\r\n'],
  ] as const) {
    test(`an agent that holds back the first byte of its body past the end of the lease gets no head written (${framing})`, async () => {
      const agent = await ask('POST', rest);
      await upstream.peer(0);
      // Asked when the request began, and the lease was live: undici has the head, and waits for the body.
      await eventually(() => path.leases.gateAsked === 1);
      path.leases.refusedBy = revokedError;
      agent.write(body);
      await expectRevoked(agent);
      expect(path.leases.gateAsked).toBe(2);
      expect(upstream.received.join('')).toBe('');
    });

    test(`with a lease that lives on, the same agent is served (${framing})`, async () => {
      const agent = await ask('POST', rest);
      await eventually(() => path.leases.gateAsked === 1);
      expect(upstream.received.join('')).toBe('');
      agent.write(body);
      const vendor = await upstream.peer(0);
      await vendor.until(body.includes('hello') ? /hello/ : /\r\n\r\n/);
      expect(vendor.received).toContain(`Bearer ${secretValue}`);
      vendor.write('HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n');
      expect(parseAnswer((await agent.closed()).received).status).toBe(201);
      expect(path.uses.map(({ outcome, httpStatus }) => [outcome, httpStatus])).toEqual([['forwarded', 201]]);
    });
  }
});

describe('INV-6: a revocation ends what is in flight, on both sides', () => {
  test('before the answer began the agent gets a typed error, and the vendor a closed connection', async () => {
    const agent = await ask('GET');
    const vendor = await upstream.peer(0);
    await vendor.until(/\r\n\r\n/);
    path.leases.revoke();
    await expectRevoked(agent);
    await vendor.closed();
    expect(path.uses.map(({ outcome, httpStatus }) => [outcome, httpStatus])).toEqual([['lease_revoked', 403]]);
  });

  test('in the middle of an answer both connections are cut, and nobody takes it for whole', async () => {
    const agent = await ask('GET');
    const vendor = await upstream.peer(0);
    vendor.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n6\r\ndata: \r\n');
    await agent.until(/data: /);
    path.leases.revoke();
    const { received } = await agent.closed();
    expect(received).not.toMatch(/\r\n0\r\n\r\n$/);
    await vendor.closed();
    expect(path.uses.map(({ outcome, httpStatus }) => [outcome, httpStatus])).toEqual([['lease_revoked', 200]]);
  });

  test('where only the end of the connection ends an answer, it ends with a reset', async () => {
    const agent = await openPeer(path.port);
    agent.write(`GET /api/x HTTP/1.0\r\nhost: 127.0.0.1:${path.port}\r\n\r\n`);
    const vendor = await upstream.peer(0);
    vendor.write('HTTP/1.1 200 OK\r\n\r\nbeginning');
    await agent.until(/beginning/);
    path.leases.revoke();
    expect((await agent.closed()).isReset).toBe(true);
  });

  test('an upload is cut in the middle', async () => {
    const agent = await ask('POST', 'content-length: 1000\r\n');
    agent.write('the beginning');
    const vendor = await upstream.peer(0);
    await vendor.until(/the beginning/);
    path.leases.revoke();
    await vendor.closed();
    await agent.until(/lease_revoked/);
    expect(vendor.received.length).toBeLessThan(1_000);
  });

  test('what waits for a connection is refused at once, and leaves the queue', async () => {
    await ask('GET');
    const vendor = await upstream.peer(0);
    await vendor.until(/\r\n\r\n/);
    const waiting = await ask('GET');
    await eventually(() => path.leases.held.size === 2);
    path.leases.revoke();
    await expectRevoked(waiting);
    expect(upstream.received.join('').match(/GET /g)).toHaveLength(1);
  });

  test('what has a head on its way is said to be a stream, and nothing before', async () => {
    await ask('POST', 'content-length: 5\r\n');
    await eventually(() => path.leases.gateAsked === 1);
    const [held] = path.leases.held;
    expect(held?.isStreaming()).toBe(false);
    await ask('GET');
    await eventually(() => path.leases.held.size === 2);
    const other = [...path.leases.held].at(-1);
    expect([other === held, other?.isStreaming()]).toEqual([false, false]);
  });

  test('once it is over nothing is held', async () => {
    const agent = await ask('GET');
    const vendor = await upstream.peer(0);
    await vendor.until(/\r\n\r\n/);
    expect([...path.leases.held].map((held) => held.isStreaming())).toEqual([true]);
    vendor.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    await agent.closed();
    expect(path.leases.held.size).toBe(0);
  });
});
