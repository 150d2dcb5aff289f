import { once } from 'node:events';
import http2, { type ClientHttp2Stream } from 'node:http2';
import { type ClientStream, LeaseService, methodWire, type WatchRequestSchema, type WatchResponse } from '@leasehold/contract/grpc';
import { AppError } from '@leasehold/core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { WatchMessage } from '../../ports/watch-stream.ts';
import { createWatchEncoder } from './watch-wire.ts';
import { type Attached, caller, type Wired, wire } from './wired.suite.ts';

let wired: Wired;

beforeEach(async () => {
  wired = await wire({
    maxQueuedMessages: 100,
    maxQueuedBytes: 400_000,
    maxQueuedBytesInAll: 700_000,
    unreadForMs: 1_000,
    lingerMs: 1_000,
  });
});
afterEach(() => wired.stop());

interface Watching {
  readonly stream: ClientStream<typeof WatchRequestSchema>;
  readonly got: WatchResponse['message'][];
  readonly ended: Promise<AppError | undefined>;
  readonly leave: () => void;
}

function watch(metadata: Record<string, string> = { authorization: 'Bearer s1' }): Watching {
  const got: WatchResponse['message'][] = [];
  const { promise, resolve } = Promise.withResolvers<AppError | undefined>();
  const left = new AbortController();
  const stream = wired.leases.watch({ message: ({ message }) => got.push(message), ended: resolve }, { metadata, signal: left.signal });
  return { stream, got, ended: promise, leave: () => left.abort() };
}

const start = (epoch = '', seq = 0n) => ({ message: { case: 'start', value: { epoch, seq } } }) as const;
const attached = (): Promise<Attached> => vi.waitFor(() => wired.attached[0] ?? Promise.reject(new Error('not attached')));
const pong: WatchMessage = { kind: 'pong', id: 1, headSeq: 2 };

test('a stream says where it stands, then its pings and confirmations reach the hub in order', async () => {
  const { stream } = watch();
  stream.send(start('e1', 5n));
  stream.send({ message: { case: 'ping', value: { id: 1n } } });
  stream.send({ message: { case: 'applied', value: { seq: 5n } } });
  stream.send({ message: { case: 'ping', value: { id: 2n } } });
  const at = await attached();
  await vi.waitFor(() => expect(at.heard).toEqual(['ping 1', 'applied 5', 'ping 2']));
  expect([at.caller, at.start]).toEqual([caller, { epoch: 'e1', seq: 5 }]);
});

test('what the hub says arrives in order, then its reset, then the end', async () => {
  const { stream, got, ended } = watch();
  stream.send(start());
  const { sink, start: begin } = await attached();
  expect(begin).toBeUndefined();
  sink.send({ kind: 'hello', epoch: 'e1', cursorSeq: 3, headSeq: 4, pingIntervalMs: 1_000, maxStalenessMs: 3_000 });
  sink.send({ kind: 'revoked', event: { seq: 4, scope: 'grant', ids: ['g1'], reason: 'revoked' } });
  sink.send({ kind: 'routes', routes: [] });
  sink.send(pong);
  sink.end({ kind: 'reset', why: 'epoch changed' });
  expect(await ended).toBeUndefined();
  expect(got).toMatchObject([
    { case: 'hello', value: { epoch: 'e1', cursorSeq: 3n, headSeq: 4n, pingIntervalMs: 1_000, maxStalenessMs: 3_000 } },
    { case: 'revoked', value: { seq: 4n, ids: ['g1'], reason: 'revoked' } },
    { case: 'routes', value: { routes: [] } },
    { case: 'pong', value: { id: 1n, headSeq: 2n } },
    { case: 'reset', value: { why: 'epoch changed' } },
  ]);
});

test('an error of the hub ends the stream with its code, and leaves the connection to others', async () => {
  const { stream, ended } = watch();
  stream.send(start());
  const { sink } = await attached();
  sink.end({ kind: 'error', error: new AppError('identity_invalid', 'Open a new session.') });
  expect(await ended).toMatchObject({ code: 'identity_invalid', message: 'Open a new session.' });
  const second = watch();
  second.stream.send(start());
  await vi.waitFor(() => expect(wired.attached).toHaveLength(2));
  await new Promise((resolve) => setTimeout(resolve, 100)); // Past the time after which what lingers is cut.
  wired.attached[1]?.sink.send(pong);
  await vi.waitFor(() => expect(second.got).toHaveLength(1));
});

test('a stream that is left is left at the hub, too', async () => {
  const gone = watch();
  gone.stream.send(start());
  const first = await attached();
  expect(first.ended.aborted).toBe(false);
  gone.leave();
  await vi.waitFor(() => expect(first.ended.aborted).toBe(true));
  const done = watch();
  done.stream.send(start());
  await vi.waitFor(() => expect(wired.attached).toHaveLength(2));
  done.stream.end();
  expect(await done.ended).toBeUndefined();
  expect(wired.attached[1]?.ended.aborted).toBe(true);
});

test.each([
  ['a ping before start', [{ message: { case: 'ping', value: { id: 1n } } }], 0],
  ['a second start', [start(), start()], 1],
  ['an empty message', [start(), {}], 1],
  ['an id past 2^53', [start(), { message: { case: 'ping', value: { id: 2n ** 60n } } }], 1],
  ['a cursor past 2^53', [start('e1', 2n ** 60n)], 0],
] as const)('%s ends the stream', async (_, messages, attachments) => {
  const { stream, ended } = watch();
  for (const message of messages) stream.send(message);
  expect(await ended).toMatchObject({ code: 'invalid_argument' });
  expect(wired.attached).toHaveLength(attachments);
  expect(wired.attached.every((at) => at.ended.aborted)).toBe(true);
});

test.each([
  ['without a token', {}, 'identity_missing'],
  ['with a wrong token', { authorization: 'Bearer s2' }, 'identity_invalid'],
])('%s nothing is attached', async (_, metadata, expected) => {
  const { stream, ended } = watch(metadata);
  stream.send(start());
  expect(await ended).toMatchObject({ code: expected });
  expect(wired.attached).toEqual([]);
});

test('a reader that does not read has a bounded queue, and its connection is closed although it never reads the reset', async () => {
  const session = http2.connect(`https://${wired.target}`, { ca: wired.certPem, servername: 'broker.test' });
  const closed = once(session, 'close');
  const { path, requestSerialize } = methodWire(LeaseService.method.watch);
  const deaf = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: 'Bearer s1',
  });
  deaf.on('error', () => {});
  const message = requestSerialize(start());
  deaf.write(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
  const { sink, ended } = await attached();
  const event = { seq: 1, scope: 'grant', ids: ['x'.repeat(10_000)], reason: 'revoked' } as const;
  // More than its window and our queue hold together.
  let accepted = 0;
  while (accepted < 1_000 && sink.send({ kind: 'revoked', event })) {
    accepted++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(accepted).toBeLessThan(80);
  sink.end({ kind: 'reset', why: 'queue overflow' });
  await closed;
  await vi.waitFor(() => expect(ended.aborted).toBe(true));
});

/** A peer that never opens its window, on a connection of its own. */
async function attachDeaf(): Promise<{ readonly stream: ClientHttp2Stream; readonly closed: Promise<unknown> }> {
  const session = http2.connect(`https://${wired.target}`, {
    ca: wired.certPem,
    servername: 'broker.test',
    settings: { initialWindowSize: 0 },
  });
  session.on('error', () => {});
  const closed = once(session, 'close');
  const { path, requestSerialize } = methodWire(LeaseService.method.watch);
  await once(session, 'remoteSettings');
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: 'Bearer s1',
  });
  stream.on('error', () => {});
  const message = requestSerialize(start());
  stream.write(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
  const before = wired.attached.length;
  await vi.waitFor(() => expect(wired.attached).toHaveLength(before + 1));
  return { stream, closed };
}

test('a reader that leaves what waits for it unread is cut, however little that is; one that has read all may be silent', async () => {
  watch().stream.send(start());
  const reading = await attached();
  expect(reading.sink.send(pong)).toBe(true);
  const { closed } = await attachDeaf();
  expect(wired.attached[1]?.sink.send(pong)).toBe(true);
  await closed;
  expect(reading.ended.aborted).toBe(false);
});

test('a peer that says its last, and reads nothing, does not leave what it was sent with us', async () => {
  const { stream, closed } = await attachDeaf();
  const event = (size: number) =>
    ({ kind: 'revoked', event: { seq: 1, scope: 'grant', ids: ['x'.repeat(size)], reason: 'revoked' } }) as const;
  const queue = wired.attached[0]?.sink;
  expect([1, 2, 3].map(() => queue?.send(event(100_000)))).toEqual([true, true, true]);
  stream.end();
  await vi.waitFor(() => expect(wired.attached[0]?.ended.aborted).toBe(true));
  // As long as it lies here, it counts.
  watch().stream.send(start());
  await vi.waitFor(() => expect(wired.attached).toHaveLength(2));
  expect(wired.attached[1]?.sink.send(event(200_000))).toBe(false);
  await closed;
  await vi.waitFor(() => expect(wired.attached[1]?.sink.send(event(200_000))).toBe(true));
});

test('the queues of a tenant’s streams are bounded together', async () => {
  watch().stream.send(start());
  const { sink } = await attached();
  watch().stream.send(start());
  await vi.waitFor(() => expect(wired.attached).toHaveLength(2));
  const event = { seq: 1, scope: 'grant', ids: ['x'.repeat(100_000)], reason: 'revoked' } as const;
  const sinks = [sink, wired.attached[1]?.sink];
  const accepted = sinks.map((each) => [1, 2].map(() => each?.send({ kind: 'revoked', event })));
  expect(accepted).toEqual([
    [true, true],
    [true, false],
  ]);
});

test('a message that no queue holds is no slow reader: it says so', async () => {
  watch().stream.send(start());
  const { sink } = await attached();
  const event = { seq: 1, scope: 'grant', ids: ['x'.repeat(400_001)], reason: 'revoked' } as const;
  expect(() => sink.send({ kind: 'revoked', event })).toThrow(/fewer credentials/);
});

test('small messages fill the queue by their number', async () => {
  watch().stream.send(start());
  const { sink } = await attached();
  const accepted = Array.from({ length: 150 }, () => sink.send(pong)).filter((isQueued) => isQueued);
  expect(accepted).toHaveLength(100);
});

test('an event and a list of routes are encoded once, whatever the number of streams', () => {
  const encodeMessage = createWatchEncoder();
  const event: WatchMessage = { kind: 'revoked', event: { seq: 1, scope: 'tenant', ids: ['t1'], reason: 'killed' } };
  const routes: WatchMessage = { kind: 'routes', routes: [] };
  expect(encodeMessage(event)).toBe(encodeMessage(event));
  expect(encodeMessage(routes)).toBe(encodeMessage(routes));
  expect(encodeMessage({ ...event })).not.toBe(encodeMessage(event));
});
