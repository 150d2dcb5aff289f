import { once } from 'node:events';
import { request } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { type AdminClient, createAdminClient } from '@leasehold/contract/admin';
import { AppError } from '@leasehold/core';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type BrokerRig, bytes, createRig, draft } from '../../app/broker-rig.suite.ts';
import type { AdminUseCases, ConfirmationProgress } from '../../ports/use-cases.ts';
import { issueServer, makeCa } from '../tls/issue.ts';
import type { AdminRequestRecord } from './admin-app.ts';
import { type AdminServerOptions, startAdminServer } from './admin-server.ts';

let tls: { readonly caPem: string; readonly certPem: string; readonly keyPem: string };
let rig: BrokerRig;
let token: string;
let log: AdminRequestRecord[];
let end: AbortController;
let client: AdminClient;

beforeAll(async () => {
  const now = Date.now();
  const ca = await makeCa(now);
  const server = await issueServer({ caCertPem: ca.certPem, caKeyPem: ca.keyPem, names: ['localhost'], now, days: 1 });
  tls = { caPem: ca.certPem, ...server };
});

beforeEach(async () => {
  rig = createRig();
  log = [];
  await rig.admin.addTenant(rig.root, 'one');
  ({ token } = await rig.admin.addOperator(rig.root, 'one', 'first'));
});

afterEach(async () => {
  await client.close();
  end.abort();
});

/** The server over real TLS, and a client of it. */
async function serve(
  over: Partial<AdminUseCases> = {},
  settings: Partial<AdminServerOptions> = {},
): Promise<{ readonly port: number; readonly url: string }> {
  end = new AbortController();
  const options = {
    admin: { ...rig.admin, ...over },
    tls,
    host: 'localhost',
    port: 0,
    onRequest: (record: AdminRequestRecord) => log.push(record),
    ...settings,
  };
  const { port } = await startAdminServer(options, end.signal);
  const url = `https://localhost:${port}`;
  client = createAdminClient({ url, token, caPem: tls.caPem });
  return { port, url };
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'fine',
    (thrown: unknown) => (thrown instanceof AppError ? thrown.code : thrown),
  );
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('server and client over TLS', () => {
  test('what the client is given is what the use cases say', async () => {
    await serve();
    const { agent, token: agentToken } = await client.addAgent('one', 'dev');
    expect([agent.name, agent.status, agentToken.length > 8]).toEqual(['dev', 'active', true]);
    await rig.admin.addCredential(rig.root, 'one', draft('api'), bytes('sk-first-000'));
    const granted = await client.putGrant('one', { agent: 'dev', credential: 'api', ttl_ms: 60_000, methods: ['get'] });
    expect(granted).toMatchObject({ item: { agent: 'dev', credential: 'api', ttl_ms: 60_000, methods: ['GET'] }, revocation: null });
    expect((await client.revokeGrant('one', { agent: 'dev', credential: 'api' })).revocation).toMatchObject({ seq: 1 });
    expect((await client.listAgents('one')).items).toEqual([agent]);
    expect((await Array.fromAsync(client.verifyAudit('one'))).at(-1)).toMatchObject({ intact: true });
  });

  test('a tenant lets its agents discover names, or not; a credential keeps where its placeholder is replaced', async () => {
    await serve();
    expect(await client.setTenant('one', { agents_discover_names: true })).toMatchObject({ name: 'one', agents_discover_names: true });
    expect((await client.listTenants()).items).toMatchObject([{ agents_discover_names: true }]);
    const added = await client.addCredential('one', {
      name: 'api',
      destinations: [{ url: 'https://api.example.com', body: 'json' }],
      injection: { kind: 'placeholder', in: ['header', 'body'] },
      placeholder: 'sk-{random}',
      environment: [{ name: 'API_KEY', value: '{placeholder}' }],
      service: 'example',
      value: Buffer.from('sk-first-000').toString('base64'),
    });
    expect(added).toMatchObject({
      destinations: [{ body: 'json' }],
      injection: { kind: 'placeholder', in: ['header', 'body'] },
      placeholder: expect.stringMatching(/^sk-[0-9A-Za-z]{22}$/),
      environment: [{ name: 'API_KEY', value: '{placeholder}' }],
      service: 'example',
    });
    expect(await client.showCredential('one', 'api')).toEqual(added);
  });

  test('pages follow each other by the mark that the one before gave', async () => {
    await serve();
    for (const name of ['a', 'b', 'c']) await client.addAgent('one', name);
    const first = await client.listAgents('one', { limit: 2 });
    const second = await client.listAgents('one', { limit: 2, after: first.next });
    expect([...first.items, ...second.items].map(({ name }) => name).toSorted()).toEqual(['a', 'b', 'c']);
    expect(second.next).toBe(null);
  });

  test('an error keeps its code and its words', async () => {
    await serve();
    await expect(client.showCredential('one', 'ghost')).rejects.toThrow(/There is no credential "ghost"/);
    expect(await codeOf(client.showCredential('one', 'ghost'))).toBe('not_found');
    expect(await codeOf(client.status())).toBe('forbidden');
  });

  test('a wrong token is identity_invalid', async () => {
    const { url } = await serve();
    const other = createAdminClient({ url, token: 'lho_wrong', caPem: tls.caPem });
    expect(await codeOf(other.listTenants())).toBe('identity_invalid');
    await other.close();
  });

  test('a server that the CA did not vouch for never sees the token', async () => {
    const { url } = await serve();
    const stranger = await makeCa(Date.now());
    const other = createAdminClient({ url, token, caPem: stranger.certPem });
    await expect(other.listTenants()).rejects.toThrow(/certificate/);
    expect(await codeOf(other.listTenants())).toBe('broker_unreachable');
    expect(log).toEqual([]);
    await other.close();
  });

  test('a server that is gone is broker_unreachable', async () => {
    await serve();
    end.abort();
    expect(await codeOf(client.listTenants())).toBe('broker_unreachable');
  });

  test('TLS below 1.2 is refused', async () => {
    const { port } = await serve();
    const version = await new Promise((resolve) => {
      const socket = connect({
        host: 'localhost',
        port,
        ca: tls.caPem,
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'ALL@SECLEVEL=0',
      });
      socket.once('secureConnect', () => resolve(socket.getProtocol()));
      socket.once('error', () => resolve('refused'));
      socket.once('close', () => socket.destroy());
    });
    expect(version).toBe('refused');
  });

  test('a body without a stated length is counted while it comes', async () => {
    const { port } = await serve();
    const status = await new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, 'transfer-encoding': 'chunked' };
      const outgoing = request(
        { host: 'localhost', port, ca: tls.caPem, method: 'POST', path: '/v1/tenants/one/agents', headers },
        (incoming) => {
          incoming.resume();
          resolve([incoming.statusCode, incoming.headers['x-leasehold-error']]);
        },
      );
      outgoing.on('error', reject);
      for (let sent = 0; sent < 3; sent += 1) outgoing.write(Buffer.alloc(30_000, 'x'));
      outgoing.end();
    });
    expect(status).toEqual([400, 'invalid_argument']);
  });

  test('a client that breaks off in the middle of a body is no failure of ours', async () => {
    const { port } = await serve();
    const headers = { authorization: `Bearer ${token}`, 'transfer-encoding': 'chunked' };
    const outgoing = request({ host: 'localhost', port, ca: tls.caPem, method: 'POST', path: '/v1/tenants/one/agents', headers });
    outgoing.on('error', () => undefined).write('{"name":');
    await vi.waitFor(() => expect(outgoing.socket?.bytesWritten).toBeGreaterThan(0));
    outgoing.destroy();
    await vi.waitFor(() => expect(log).toHaveLength(1));
    expect(log).toMatchObject([{ status: 400 }]);
  });
});

test('one tenant’s operator, with requests that never end, keeps nobody else from the port', async () => {
  const { token: another } = await rig.admin.addOperator(rig.root, 'one', 'another');
  await rig.admin.addTenant(rig.root, 'two');
  const { token: ofTwo } = await rig.admin.addOperator(rig.root, 'two', 'second');
  const { port, url } = await serve({}, { host: '127.0.0.1', limits: { maxConnections: 8, maxSafePerOwner: 2, giveWayAfterMs: 0 } });
  const flood: TLSSocket[] = [];
  for (let n = 0; n < 8; n += 1) {
    const tcp = connectTcp({ host: '127.0.0.1', port, localAddress: '127.0.0.2' });
    const socket = connect({ socket: tcp, ca: tls.caPem, servername: 'localhost' });
    socket.on('error', () => socket.destroy()).resume();
    await once(socket, 'secureConnect');
    socket.write(
      `POST /v1/tenants/one/agents HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${n % 2 === 0 ? token : another}\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n`,
    );
    flood.push(socket);
  }
  const other = createAdminClient({ url, token: ofTwo, caPem: tls.caPem });
  await vi.waitFor(async () => expect((await other.killTenant('two')).item.status).toBe('suspended'));
  await other.close();
  for (const socket of flood) socket.destroy();
});

describe('whoever only dials', () => {
  const dial = async (port: number, localAddress: string) => {
    const socket = connectTcp({ host: '127.0.0.1', port, localAddress });
    socket.on('error', () => socket.destroy()).resume();
    await once(socket, 'connect');
    return socket;
  };

  test('and says nothing is let go', async () => {
    const { port } = await serve({}, { host: '127.0.0.1', limits: { handshakeTimeoutMs: 20 } });
    await once(await dial(port, '127.0.0.1'), 'close');
  });

  test('costs no operator a request that is under way, and no other address its way in', async () => {
    const second = Promise.withResolvers<void>();
    const progress: ConfirmationProgress = {
      total: 1,
      confirmedCount: 0,
      confirmed: [],
      outstanding: ['pod-1'],
      elapsedMs: 1,
      done: false,
    };
    const confirmations: AdminUseCases['confirmations'] = async function* () {
      yield progress;
      await second.promise;
      yield { ...progress, done: true };
    };
    const { port, url } = await serve({ confirmations }, { host: '127.0.0.1', limits: { maxConnections: 4, maxHandshakes: 1 } });
    const steps = client
      .confirmations('one', { epoch: 'epoch-1', seq: 1, committed_at: '2026-01-31T12:00:00.000Z' })
      [Symbol.asyncIterator]();
    expect(await steps.next()).toMatchObject({ value: { done: false } });
    const silent: Socket[] = [];
    for (let n = 0; n < 10; n += 1) silent.push(await dial(port, '127.0.0.2'));

    await vi.waitFor(() => expect(silent.filter(({ destroyed }) => !destroyed)).toHaveLength(3));

    const newcomer = createAdminClient({ url, token, caPem: tls.caPem });
    expect((await newcomer.listTenants()).items).toHaveLength(1);
    second.resolve();
    expect(await steps.next()).toMatchObject({ value: { done: true } });
    await newcomer.close();
    for (const socket of silent) socket.destroy();
  });
});

describe('following confirmations', () => {
  const revocation = { epoch: 'epoch-1', seq: 1, committed_at: '2026-01-31T12:00:00.000Z' };
  const step = (done: boolean): ConfirmationProgress => ({
    total: 2,
    confirmedCount: 1,
    confirmed: [{ instance: 'pod-1', afterMs: 4.4 }],
    outstanding: ['pod-2'],
    elapsedMs: 4.4,
    done,
  });

  test('each step is sent when it happens, not when all is over', async () => {
    const second = Promise.withResolvers<void>();
    await serve({
      confirmations: async function* () {
        yield step(false);
        await second.promise;
        yield step(true);
      },
    });
    const seen: boolean[] = [];
    for await (const { done } of client.confirmations('one', revocation)) {
      seen.push(done);
      second.resolve();
    }
    expect(seen).toEqual([false, true]);
  });

  test('of everything it is asked for by the time of the commit alone', async () => {
    let askedFor = 0;
    await serve({
      confirmationsOfAll: async function* (_by, committedAt) {
        askedFor = committedAt;
        yield step(true);
      },
    });
    expect(await all(client.confirmationsOfAll(revocation.committed_at))).toMatchObject([{ done: true, total: 2 }]);
    expect(askedFor).toBe(Date.parse(revocation.committed_at));
    expect(await codeOf(all(client.confirmationsOfAll('yesterday')))).toBe('invalid_argument');
  });

  test('what is refused gets its own status, before a stream begins', async () => {
    await serve();
    expect(await codeOf(all(client.confirmations('ghost', revocation)))).toBe('not_found');
    expect(log.at(-1)).toMatchObject({ status: 404 });
  });

  test('a failure on the way is no end: the client is told, the reason stays in the log', async () => {
    await serve({
      confirmations: async function* () {
        yield step(false);
        throw new Error('sk-first-000 in a message');
      },
    });
    await expect(all(client.confirmations('one', revocation))).rejects.toThrow(/stopped in the middle/);
    expect(log).toContainEqual(expect.objectContaining({ status: 500, thrown: expect.any(Error) }));
  });

  test('a client that goes away ends the following', async () => {
    const over = Promise.withResolvers<string>();
    await serve({
      confirmations: async function* (_by, _tenant, _revocation, ended) {
        yield step(false);
        await new Promise((resolve) => ended.addEventListener('abort', resolve));
        over.resolve('over');
      },
    });
    for await (const _ of client.confirmations('one', revocation)) break;
    expect(await over.promise).toBe('over');
  });
});
