import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import {
  addService,
  encode,
  endWithError,
  LeaseService,
  type OpenRequest,
  Scope,
  type ServerStream,
  SessionService,
  unary,
  type WatchRequest,
  type WatchRequestSchema,
  WatchResponseSchema,
} from '@leasehold/contract/grpc';
import { AppError } from '@leasehold/core';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WatchEvents } from '../../ports/broker.ts';
import { createGrpcBroker, type GrpcBroker, type GrpcBrokerOptions } from './grpc-broker.ts';
import { fromAcquire } from './wire.ts';

let trusted: { readonly certPem: string; readonly keyPem: string };
let stranger: typeof trusted;
beforeAll(async () => {
  trusted = await certificateFor('broker.test');
  stranger = await certificateFor('broker.test');
});

/** What the server saw and how it shall answer. */
let opens: OpenRequest[];
let tokens: string[];
let refuse: AppError[];
let agentId: string;
let expiresInMs: number;
let watches: {
  readonly stream: ServerStream<typeof WatchRequestSchema, typeof WatchResponseSchema>;
  readonly seen: WatchRequest['message'][];
}[];
let hang: Promise<void> | undefined;
let nowMs: number;
let server: Server;
let port: number;
let broker: GrpcBroker;

beforeEach(async () => {
  [opens, tokens, refuse, watches] = [[], [], [], []];
  [agentId, expiresInMs, hang, nowMs] = ['agent-1', 60_000, undefined, 0];
  server = new Server();
  addService(server, SessionService, {
    open: unary(async (request) => {
      opens.push(request);
      await hang;
      const sessionToken = `session-${opens.length}`;
      return { sessionToken, expiresInMs: BigInt(expiresInMs), tenantId: 't', agentId, agentName: 'a', tenantName: 't' };
    }),
  });
  const enter = (metadata: { get(key: string): unknown[] }): void => {
    tokens.push(String(metadata.get('authorization')[0]));
    const error = refuse.shift();
    if (error !== undefined) throw error;
  };
  addService(server, LeaseService, {
    acquire: unary(async ({ credentialId }, call) => {
      enter(call.metadata);
      const value = Buffer.from('canary');
      return { leaseId: 'l1', grantId: `grant of ${credentialId}`, version: 3, ttlMs: 60_000n, epoch: 'e1', issuedAtSeq: 7n, value };
    }),
    renew: unary(async ({ leaseId }, call) => {
      enter(call.metadata);
      return { leaseId, ttlMs: 30_000n, epoch: 'e1', issuedAtSeq: 2n ** 60n };
    }),
    release: unary(async (_, call) => {
      enter(call.metadata);
      return {};
    }),
    reportUse: unary(async ({ records }, call) => {
      enter(call.metadata);
      expect(records[0]).toMatchObject({ leaseId: 'l1', count: 2n, lastAtMs: 1_700_000_000_000n, httpStatus: 200 });
      return {};
    }),
    watch: (stream) => {
      const seen: WatchRequest['message'][] = [];
      watches.push({ stream, seen });
      stream.on('data', (request) => seen.push(request.message));
      stream.on('error', () => {});
    },
  });
  const identity = ServerCredentials.createSsl(null, [
    { cert_chain: Buffer.from(trusted.certPem), private_key: Buffer.from(trusted.keyPem) },
  ]);
  port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', identity, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  broker = connect();
});
afterEach(() => {
  broker.close();
  server.forceShutdown();
});

function connect(changes: Partial<GrpcBrokerOptions> = {}): GrpcBroker {
  return createGrpcBroker({
    target: `127.0.0.1:${port}`,
    caPem: trusted.certPem,
    serverName: 'broker.test',
    agentToken: () => 'the-token',
    instanceId: 'instance-0123456789',
    instanceName: 'pod-1',
    clock: { now: () => ({ monoMs: nowMs, wallMs: nowMs }) },
    deadlineMs: 5_000,
    ...changes,
  });
}

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'none',
    (why: unknown) => (why instanceof AppError ? why.code : String(why)),
  );

describe('calls', () => {
  it('open one session for all who need it, and carry its token', async () => {
    const [lease] = await Promise.all([broker.acquire('c1'), broker.acquire('c2'), broker.release(['l9'])]);
    expect(lease).toEqual({
      leaseId: 'l1',
      grantId: 'grant of c1',
      version: 3,
      ttlMs: 60_000,
      epoch: 'e1',
      issuedAtSeq: 7,
      value: new TextEncoder().encode('canary'),
    });
    expect(opens.map(({ proof, instanceId }) => [proof.value, instanceId])).toEqual([['the-token', 'instance-0123456789']]);
    expect(tokens).toEqual(['Bearer session-1', 'Bearer session-1', 'Bearer session-1']);
  });

  it('renew the session before it ends, and live with the old one when that fails', async () => {
    await broker.acquire('c1');
    nowMs = 47_999;
    await broker.acquire('c1');
    nowMs = 48_000;
    await broker.acquire('c1');
    expect(tokens.at(-1)).toBe('Bearer session-2');
    broker.close();
    let isBroken = false;
    broker = connect({
      agentToken: () => {
        if (isBroken) throw new Error('file gone');
        return 'the-token';
      },
    });
    await broker.acquire('c1');
    isBroken = true;
    nowMs += 50_000;
    await broker.acquire('c1');
    expect(tokens.at(-1)).toBe('Bearer session-3');
    nowMs += 10_000;
    expect(await codeOf(broker.acquire('c1'))).not.toBe('none');
  });

  it('are tried once more under a new session when the broker does not take the old one, and not twice', async () => {
    await broker.acquire('c1');
    refuse = [new AppError('identity_invalid', 'no')];
    await broker.acquire('c1');
    expect(tokens).toEqual(['Bearer session-1', 'Bearer session-1', 'Bearer session-2']);
    refuse = [new AppError('identity_invalid', 'no'), new AppError('identity_invalid', 'no')];
    expect(await codeOf(broker.acquire('c1'))).toBe('identity_invalid');
    expect(opens.length).toBe(3);
  });

  it('refuse to become another agent: what is held was lent to the first', async () => {
    await broker.acquire('c1');
    agentId = 'agent-2';
    refuse = [new AppError('identity_invalid', 'no')];
    expect(await codeOf(broker.acquire('c1'))).toBe('identity_invalid');
    expect(tokens.length).toBe(2);
  });

  it('keep the reason of a denial', async () => {
    refuse = [new AppError('credential_suspended', 'Suspended. Ask for it to be resumed.', { retryAfterS: 4 })];
    await expect(broker.acquire('c1')).rejects.toMatchObject({
      code: 'credential_suspended',
      message: 'Suspended. Ask for it to be resumed.',
    });
    expect(opens.length).toBe(1);
  });

  it('report uses', async () => {
    const use = {
      credentialId: 'c1',
      leaseId: 'l1',
      method: 'GET',
      authority: 'https://x:443',
      path: '/',
      outcome: 'forwarded',
      httpStatus: 200,
    };
    const record = { ...use, count: 2, firstAtMs: 1_699_999_999_999.5, lastAtMs: 1_700_000_000_000.25 };
    await broker.reportUse({ batchSeq: 1, records: [record], dropped: 0 });
    expect(tokens.length).toBe(1);
  });

  it('do not round what is too large', async () => {
    expect(await codeOf(broker.renew('l1'))).not.toBe('none');
  });

  it('end at their deadline', async () => {
    broker.close();
    broker = connect({ deadlineMs: 50 });
    const { promise, resolve } = Promise.withResolvers<void>();
    hang = promise;
    expect(await codeOf(broker.acquire('c1'))).toBe('broker_unreachable');
    resolve();
  });

  it('say that nobody is there', async () => {
    server.forceShutdown();
    expect(await codeOf(broker.acquire('c1'))).toBe('broker_unreachable');
  });

  it.each([
    ['whose certificate is of another authority', () => ({ caPem: stranger.certPem })],
    ['whose certificate is for another name', () => ({ serverName: 'other.test' })],
  ])('do not speak to a broker %s', async (_, changes) => {
    broker.close();
    broker = connect(changes());
    expect(await codeOf(broker.acquire('c1'))).toBe('broker_unreachable');
    expect(opens).toEqual([]);
  });
});

describe('an answer that carries a value', () => {
  it('is cleared where it came from', () => {
    const wire = Buffer.from('..canary..');
    const message = { leaseId: 'l1', grantId: 'g1', version: 1, ttlMs: 1n, epoch: 'e1', issuedAtSeq: 1n, value: wire.subarray(2, 8) };
    const { value } = fromAcquire({ $typeName: 'leasehold.v1.AcquireResponse', ...message });
    expect(Buffer.from(value).toString()).toBe('canary');
    expect(wire.toString()).toBe('..\0\0\0\0\0\0..');
  });
});

describe('a watch stream', () => {
  const events = (): { on: WatchEvents; told: string[] } => {
    const told: string[] = [];
    const tell =
      (name: string) =>
      (...args: unknown[]): void => {
        told.push(`${name} ${args.map((arg) => (arg instanceof AppError ? arg.code : JSON.stringify(arg))).join(' ')}`);
      };
    const [hello, routes, revoked, pong, reset, ended] = ['hello', 'routes', 'revoked', 'pong', 'reset', 'ended'].map(tell);
    const none = (): void => {};
    return {
      told,
      on: {
        hello: hello ?? none,
        routes: routes ?? none,
        revoked: revoked ?? none,
        pong: pong ?? none,
        reset: reset ?? none,
        ended: ended ?? none,
      },
    };
  };
  const watch = async (
    on: WatchEvents,
    ended: AbortSignal,
  ): Promise<{ stream: ReturnType<GrpcBroker['watch']>; at: (typeof watches)[number] }> => {
    const stream = broker.watch({ epoch: 'e1', seq: 4 }, on, ended);
    const at = await vi.waitFor(() => {
      const newest = watches.at(-1);
      if (newest === undefined || newest.seen.length === 0) throw new Error('not yet');
      return newest;
    });
    return { stream, at };
  };

  it('says where it starts, tells everything in order, and pings', async () => {
    const life = new AbortController();
    const { on, told } = events();
    const { stream, at } = await watch(on, life.signal);
    expect(at.seen[0]).toMatchObject({ case: 'start', value: { epoch: 'e1', seq: 4n } });
    at.stream.write({
      message: { case: 'hello', value: { epoch: 'e1', cursorSeq: 4n, headSeq: 5n, pingIntervalMs: 1_000, maxStalenessMs: 3_000 } },
    });
    at.stream.write({ message: { case: 'routes', value: { routes: [] } } });
    at.stream.write({ message: { case: 'revoked', value: { seq: 5n, scope: Scope.GRANT, ids: ['g1'], reason: 'rotated' } } });
    at.stream.write({ message: { case: 'pong', value: { id: 1n, headSeq: 5n } } });
    stream.ping(2);
    await vi.waitFor(() => expect(told.length).toBe(4));
    await vi.waitFor(() => expect(at.seen[1]).toMatchObject({ case: 'ping', value: { id: 2n } }));
    expect(told).toEqual([
      'hello {"agentId":"agent-1","epoch":"e1","cursorSeq":4,"headSeq":5,"pingIntervalMs":1000,"maxStalenessMs":3000}',
      'routes []',
      'revoked {"seq":5,"scope":"grant","ids":["g1"],"reason":"rotated"}',
      'pong 1 5',
    ]);
    life.abort();
  });

  it('confirms a burst of events once, by the last of them', async () => {
    const life = new AbortController();
    const { stream, at } = await watch(events().on, life.signal);
    for (let seq = 5; seq <= 1_000; seq += 1) stream.applied(seq);
    await vi.waitFor(() => expect(at.seen.length).toBe(2));
    expect(at.seen[1]).toMatchObject({ case: 'applied', value: { seq: 1_000n } });
    stream.applied(1_001);
    await vi.waitFor(() => expect(at.seen.length).toBe(3));
    life.abort();
  });

  it('ends once, when its owner says so', async () => {
    const life = new AbortController();
    const { on, told } = events();
    const { at } = await watch(on, life.signal);
    const cancelled = new Promise((resolve) => at.stream.once('cancelled', resolve));
    life.abort();
    await cancelled;
    expect(told.length).toBe(1);
    expect(told[0]).toMatch(/^ended/);
  });

  it('that the broker ends over its session opens a new session next time', async () => {
    const life = new AbortController();
    const { on, told } = events();
    const { at } = await watch(on, life.signal);
    endWithError(at.stream, new AppError('identity_invalid', 'session over'));
    await vi.waitFor(() => expect(told).toEqual(['ended identity_invalid']));
    await broker.acquire('c1');
    expect(opens.length).toBe(2);
    life.abort();
  });

  it('ends at a message that it can not read, and nothing behind it is told', async () => {
    const life = new AbortController();
    const { on, told } = events();
    const { at } = await watch(on, life.signal);
    at.stream.write(encode(WatchResponseSchema, { message: { case: 'revoked', value: { seq: 5n, scope: Scope.UNSPECIFIED, ids: [] } } }));
    at.stream.write({ message: { case: 'pong', value: { id: 1n, headSeq: 5n } } });
    await vi.waitFor(() => expect(told).toEqual(['ended internal']));
    await broker.acquire('c1');
    expect(told).toEqual(['ended internal']);
    life.abort();
  });

  it('says so when no session can be had', async () => {
    server.forceShutdown();
    const { on, told } = events();
    broker.watch(undefined, on, new AbortController().signal);
    expect(told).toEqual([]);
    await vi.waitFor(() => expect(told).toEqual(['ended broker_unreachable']));
  });
});

async function certificateFor(name: string): Promise<typeof trusted> {
  cryptoProvider.set(webcrypto);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=Test broker',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [new BasicConstraintsExtension(true), new SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { certPem: certificate.toString('pem'), keyPem: PemConverter.encode(pkcs8, 'PRIVATE KEY') };
}
