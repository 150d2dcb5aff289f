import { AppError } from '@leasehold/core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GrpcBroker } from './grpc-broker.ts';
import { certificateFor, type Identity, type ScriptedServer, startScriptedServer } from './scripted-server.suite.ts';
import { fromAcquire } from './wire.ts';

let identity: Identity;
let stranger: Identity;
beforeAll(async () => {
  identity = await certificateFor('broker.test');
  stranger = await certificateFor('broker.test');
});

let server: ScriptedServer;
let broker: GrpcBroker;
beforeEach(async () => {
  server = await startScriptedServer(identity);
  broker = server.connect();
});
afterEach(() => server.stop());

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
      limits: { methods: [], pathPrefixes: [], ratePerMinute: undefined },
      version: 3,
      ttlMs: 60_000,
      epoch: 'e1',
      issuedAtSeq: 7,
      value: new TextEncoder().encode('canary'),
    });
    expect(server.opens.map(({ proof, instanceId }) => [proof.value, instanceId])).toEqual([['the-token', 'instance-0123456789']]);
    expect(server.tokens).toEqual(['Bearer session-1', 'Bearer session-1', 'Bearer session-1']);
  });

  it('renew the session before it ends, and live with the old one when that fails', async () => {
    await broker.acquire('c1');
    server.nowMs = 47_999;
    await broker.acquire('c1');
    server.nowMs = 48_000;
    await broker.acquire('c1');
    expect(server.tokens.at(-1)).toBe('Bearer session-2');
    let isBroken = false;
    broker = server.connect({
      agentToken: () => {
        if (isBroken) throw new Error('file gone');
        return 'the-token';
      },
    });
    await broker.acquire('c1');
    isBroken = true;
    server.nowMs += 50_000;
    await broker.acquire('c1');
    expect(server.tokens.at(-1)).toBe('Bearer session-3');
    server.nowMs += 10_000;
    expect(await codeOf(broker.acquire('c1'))).toBe('identity_missing');
  });

  it('are tried once more under a new session when the broker does not take the old one, and not twice', async () => {
    await broker.acquire('c1');
    server.refusals.push(new AppError('identity_invalid', 'no'));
    await broker.acquire('c1');
    expect(server.tokens).toEqual(['Bearer session-1', 'Bearer session-1', 'Bearer session-2']);
    server.refusals.push(new AppError('identity_invalid', 'no'), new AppError('identity_invalid', 'no'));
    expect(await codeOf(broker.acquire('c1'))).toBe('identity_invalid');
    expect(server.opens.length).toBe(3);
  });

  it('refuse to become another agent: what is held was lent to the first', async () => {
    await broker.acquire('c1');
    server.agentId = 'agent-2';
    server.refusals.push(new AppError('identity_invalid', 'no'));
    expect(await codeOf(broker.acquire('c1'))).toBe('identity_invalid');
    expect(server.tokens.length).toBe(2);
  });

  it('keep the reason of a denial', async () => {
    server.refusals.push(new AppError('credential_suspended', 'Suspended. Ask for it to be resumed.', { retryAfterS: 4 }));
    await expect(broker.acquire('c1')).rejects.toMatchObject({
      code: 'credential_suspended',
      message: 'Suspended. Ask for it to be resumed.',
    });
    expect(server.opens.length).toBe(1);
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
    expect(server.reports[0]?.records[0]).toMatchObject({ leaseId: 'l1', count: 2n, lastAtMs: 1_700_000_000_000n, httpStatus: 200 });
  });

  it('do not round what is too large', async () => {
    expect(await codeOf(broker.renew('l1'))).not.toBe('none');
  });

  it('end at their deadline', async () => {
    broker = server.connect({ deadlineMs: 50 });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.hang = promise;
    expect(await codeOf(broker.acquire('c1'))).toBe('broker_unreachable');
    resolve();
  });

  it('say that nobody is there', async () => {
    server.goDown();
    expect(await codeOf(broker.acquire('c1'))).toBe('broker_unreachable');
  });

  it('fail alike after close, with a session and without one', async () => {
    const other = server.connect();
    await broker.acquire('c1');
    server.stop();
    expect(await codeOf(broker.acquire('c1'))).toBe('broker_unreachable');
    expect(await codeOf(other.acquire('c1'))).toBe('broker_unreachable');
  });

  it.each([
    ['whose certificate is of another authority', () => ({ caPem: stranger.certPem })],
    ['whose certificate is for another name', () => ({ serverName: 'other.test' })],
  ])('do not speak to a broker %s', async (_, changes) => {
    broker = server.connect(changes());
    expect(await codeOf(broker.acquire('c1'))).toBe('broker_unreachable');
    expect(server.opens).toEqual([]);
  });
});

describe('an answer that carries a value', () => {
  it('is cleared where it came from', () => {
    const wire = Buffer.from('..canary..');
    const lease = { leaseId: 'l1', grantId: 'g1', version: 1, ttlMs: 1n, epoch: 'e1', issuedAtSeq: 1n, value: wire.subarray(2, 8) };
    const message = { ...lease, methods: ['GET'], pathPrefixes: ['/v1'], ratePerMinute: 0 };
    const { value, limits } = fromAcquire({ $typeName: 'leasehold.v1.AcquireResponse', ...message });
    expect(limits).toEqual({ methods: ['GET'], pathPrefixes: ['/v1'], ratePerMinute: undefined });
    expect(Buffer.from(value).toString()).toBe('canary');
    expect(wire.toString()).toBe('..\0\0\0\0\0\0..');
  });
});
