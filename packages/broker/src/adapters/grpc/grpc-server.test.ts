import { once } from 'node:events';
import { connect } from 'node:net';
import { Channel, ChannelCredentials, connectivityState } from '@grpc/grpc-js';
import { createClient, LeaseService, SessionService } from '@leasehold/contract/grpc';
import { AppError } from '@leasehold/core';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { caller, type Wired, wire } from './wired.suite.ts';

let wired: Wired;
const session = { metadata: { authorization: 'Bearer s1' }, deadlineMs: 10_000 };

beforeAll(async () => {
  wired = await wire();
});
afterAll(() => wired.stop());
afterEach(() => {
  wired.asked.length = 0;
  wired.observed.length = 0;
  wired.refusal = undefined;
});

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'ok',
    (thrown: unknown) => AppError.from(thrown).code,
  );

test('a proof of identity becomes a session', async () => {
  const opened = await wired.sessions.open({
    proof: { case: 'agentToken', value: 'tok' },
    instanceId: 'instance-0123456789',
    instanceName: 'pod-1',
  });
  expect(wired.asked).toEqual([['openSession', { agentToken: 'tok' }, { id: 'instance-0123456789', name: 'pod-1' }]]);
  expect(opened).toMatchObject({
    sessionToken: 's1',
    expiresInMs: 60_000n,
    tenantId: 't1',
    agentId: 'a1',
    agentName: 'bot',
    tenantName: 'acme',
  });
});

test('a lease comes with its value, which is zeroed here once it is sent', async () => {
  const value = Buffer.from('canary-secret');
  wired.lease = { ...wired.lease, value };
  const lease = await wired.leases.acquire({ credentialId: 'c1', ttlMs: 5n }, session);
  expect(wired.asked).toEqual([['issueLease', caller, { credentialId: 'c1', ttlMs: 5 }]]);
  expect(lease).toMatchObject({ leaseId: 'l1', grantId: 'g1', version: 2, ttlMs: 300_000n, epoch: 'e1', issuedAtSeq: 4n });
  expect(lease).toMatchObject({ methods: ['GET'], pathPrefixes: ['/v1'] });
  expect(Buffer.from(lease.value).toString()).toBe('canary-secret');
  expect(value.every((byte) => byte === 0)).toBe(true);
});

test('renew, release and report reach their use cases', async () => {
  expect(await wired.leases.renew({ leaseId: 'l1' }, session)).toMatchObject({ leaseId: 'l1', ttlMs: 9n, epoch: 'e1', issuedAtSeq: 4n });
  expect((await wired.leases.release({ leaseIds: ['l1', 'l2'] }, session)).released).toBe(2);
  const record = {
    credentialId: '',
    leaseId: '',
    method: 'GET',
    authority: 'https://x:443',
    path: '/',
    outcome: 'no_grant',
    httpStatus: 403,
  };
  await wired.leases.reportUse({ batchSeq: 1n, dropped: 2n, records: [{ ...record, count: 3n, firstAtMs: 4n, lastAtMs: 5n }] }, session);
  expect(wired.asked).toEqual([
    ['renewLease', caller, { leaseId: 'l1', ttlMs: 0 }],
    ['releaseLeases', caller, ['l1', 'l2']],
    ['recordUse', caller, { batchSeq: 1, dropped: 2, records: [{ ...record, count: 3, firstAtMs: 4, lastAtMs: 5 }] }],
  ]);
  expect(wired.observed).toEqual(['Renew ok', 'Release ok', 'ReportUse ok']);
});

test('a denial arrives with its reason, and nothing of the inner error', async () => {
  wired.refusal = new AppError('no_grant', 'Ask for a grant.', { cause: new Error('inner') });
  const error = await wired.leases.acquire({ credentialId: 'c1' }, session).catch((thrown: unknown) => AppError.from(thrown));
  expect(error).toMatchObject({ code: 'no_grant', message: 'Ask for a grant.' });
  expect(wired.observed).toEqual(['Acquire no_grant']);
});

test.each([
  ['no token', {}, 'identity_missing'],
  ['another scheme', { authorization: 'Basic s1' }, 'identity_missing'],
  ['a token that is not ours', { authorization: 'Bearer s2' }, 'identity_invalid'],
  ['an endless token', { authorization: `Bearer ${'s'.repeat(4_000)}` }, 'identity_missing'],
])('with %s every call is refused, and no use case is asked', async (_, metadata, expected) => {
  const settings = { metadata, deadlineMs: 10_000 };
  const codes = await Promise.all([
    codeOf(wired.leases.acquire({ credentialId: 'c1' }, settings)),
    codeOf(wired.leases.renew({ leaseId: 'l1' }, settings)),
    codeOf(wired.leases.release({}, settings)),
    codeOf(wired.leases.reportUse({}, settings)),
  ]);
  expect(codes).toEqual([expected, expected, expected, expected]);
  expect(wired.asked).toEqual([]);
});

test.each([
  ['no credential', () => wired.leases.acquire({}, session), 'invalid_argument'],
  ['a time past 2^53', () => wired.leases.acquire({ credentialId: 'c1', ttlMs: 2n ** 60n }, session), 'invalid_argument'],
  ['an id with a space', () => wired.leases.renew({ leaseId: 'l 1' }, session), 'invalid_argument'],
  ['1,001 ids', () => wired.leases.release({ leaseIds: Array.from({ length: 1_001 }, () => 'l1') }, session), 'invalid_argument'],
  ['1,001 records', () => wired.leases.reportUse({ records: Array.from({ length: 1_001 }, () => ({})) }, session), 'invalid_argument'],
  ['an unknown outcome', () => wired.leases.reportUse({ records: [{ outcome: 'ok' }] }, session), 'invalid_argument'],
  [
    'an escape sequence in a path',
    () => wired.leases.reportUse({ records: [{ outcome: 'forwarded', path: '/\u001b[2J' }] }, session),
    'invalid_argument',
  ],
  ['no proof', () => wired.sessions.open({ instanceId: 'instance-0123456789' }), 'identity_missing'],
  ['an endless agent token', () => wired.sessions.open({ proof: { case: 'agentToken', value: 'x'.repeat(3_000) } }), 'identity_invalid'],
  [
    'a short instance id',
    () => wired.sessions.open({ proof: { case: 'agentToken', value: 'tok' }, instanceId: 'short' }),
    'invalid_argument',
  ],
  ['more than 1 MiB', () => wired.leases.acquire({ credentialId: 'c'.repeat(1_100_000) }, session), 'broker_unreachable'],
])('%s is refused before any use case is asked', async (_, call, expected) => {
  expect(await codeOf(call())).toBe(expected);
  expect(wired.asked).toEqual([]);
});

test('without TLS, and with a certificate that the client does not trust, no call gets through', async () => {
  const plain = createClient(LeaseService, new Channel(wired.target, ChannelCredentials.createInsecure(), { 'grpc.enable_http_proxy': 0 }));
  const foreign = createClient(LeaseService, new Channel(wired.target, ChannelCredentials.createSsl(), wired.clientOptions));
  const settings = { ...session, deadlineMs: 1_000 };
  expect(await codeOf(plain.renew({ leaseId: 'l1' }, settings))).toBe('broker_unreachable');
  expect(await codeOf(foreign.renew({ leaseId: 'l1' }, settings))).toBe('broker_unreachable');
  expect(wired.asked).toEqual([]);
  plain.close();
  foreign.close();
});

test('a taken port is said plainly', async () => {
  await expect(wire({}, wired.server.port)).rejects.toMatchObject({
    code: 'invalid_argument',
    message: expect.stringContaining('--grpc-port'),
  });
});

test('past the highest number of connections a new one is closed, and those in place are served', async () => {
  const small = await wire({ maxConnections: 1 });
  await small.leases.renew({ leaseId: 'l1' }, session);
  const socket = connect({ host: '127.0.0.1', port: small.server.port });
  socket.on('error', () => {});
  await once(socket, 'close');
  expect(await codeOf(small.leases.renew({ leaseId: 'l1' }, session))).toBe('ok');
  await small.stop();
});

test('who floods it with connections costs itself: streams stay, and other addresses get in', async () => {
  const flooded = await wire({ maxConnections: 8, maxHandshakes: 1 });
  const end = new AbortController();
  const ended = vi.fn();
  flooded.leases.watch({ message: () => {}, ended }, { metadata: session.metadata, signal: end.signal }).send({
    message: { case: 'start', value: { epoch: '', seq: 0n } },
  });
  await vi.waitFor(() => expect(flooded.attached).toHaveLength(1));
  const sockets = Array.from({ length: 30 }, () => connect({ host: '127.0.0.1', port: flooded.server.port, localAddress: '127.0.0.2' }));
  for (const socket of sockets) socket.on('error', () => {});
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));

  const channel = new Channel(flooded.target, flooded.credentials, { ...flooded.clientOptions, 'grpc.use_local_subchannel_pool': 1 });
  const newcomer = createClient(LeaseService, channel);
  expect(await codeOf(newcomer.renew({ leaseId: 'l1' }, session))).toBe('ok');
  expect(ended).not.toHaveBeenCalled();
  for (const socket of sockets) socket.destroy();
  end.abort();
  channel.close();
  await flooded.stop();
});

test('when every network has one connection, those that had their time and proved nothing give way to a newcomer', async () => {
  const full = await wire({ maxConnections: 3, giveWayAfterMs: 0 });
  const silent = [1, 2, 3].map((n) => connect({ host: '127.0.0.1', port: full.server.port, localAddress: `127.0.1.${n}` }));
  for (const socket of silent) socket.on('error', () => {});
  await Promise.all(silent.map((socket) => once(socket, 'connect')));
  expect(await codeOf(full.leases.renew({ leaseId: 'l1' }, session))).toBe('ok');
  for (const socket of silent) socket.destroy();
  await full.stop();
});

test('a connection on which nothing is proven is closed; one with a session, or a good proof, stays', async () => {
  const small = await wire({ proveWithinMs: 1_500 });
  const dial = () => {
    const channel = new Channel(small.target, small.credentials, { ...small.clientOptions, 'grpc.use_local_subchannel_pool': 1 });
    return { channel, leases: createClient(LeaseService, channel), sessions: createClient(SessionService, channel) };
  };
  const [working, proving, refused] = [dial(), dial(), dial()];
  expect(await codeOf(working.leases.renew({ leaseId: 'l1' }, session))).toBe('ok');
  const proof = { proof: { case: 'agentToken', value: 'tok' }, instanceId: 'instance-0123456789', instanceName: 'pod-1' } as const;
  expect(await codeOf(proving.sessions.open(proof))).toBe('ok');
  expect(await codeOf(refused.leases.renew({ leaseId: 'l1' }, { deadlineMs: 10_000 }))).toBe('identity_missing');
  await vi.waitFor(() => expect(refused.channel.getConnectivityState(false)).not.toBe(connectivityState.READY), 5_000);
  for (const { channel } of [working, proving]) expect(channel.getConnectivityState(false)).toBe(connectivityState.READY);
  for (const { channel } of [working, proving, refused]) channel.close();
  await small.stop();
});

test('it stops although a peer keeps its connection', async () => {
  const other = await wire();
  const socket = connect({ host: '127.0.0.1', port: other.server.port });
  socket.on('error', () => {});
  await once(socket, 'connect');
  await other.leases.renew({ leaseId: 'l1' }, session);
  await other.stop();
  socket.destroy();
});
