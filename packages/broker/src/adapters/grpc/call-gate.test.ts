import { once } from 'node:events';
import http2, { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2';
import { encode, LeaseService, methodWire, SessionService, WatchRequestSchema } from '@leasehold/contract/grpc';
import { afterEach, expect, test, vi } from 'vitest';
import { caller, type Wired, wire } from './wired.suite.ts';

// A peer that does not behave: whatever a proper client would never send.

let wired: Wired;
let session: ClientHttp2Session;
afterEach(async () => {
  session.destroy();
  await wired.stop();
});

async function dial(limits: Parameters<typeof wire>[0] = {}): Promise<void> {
  wired = await wire(limits);
  session = http2.connect(`https://${wired.target}`, { ca: wired.certPem, servername: 'broker.test' });
  await once(session, 'connect');
}

const { open } = SessionService.method;
const { renew, watch } = LeaseService.method;
const proven = { authorization: 'Bearer s1' };

interface Call {
  readonly stream: ClientHttp2Stream;
  /** The `leasehold-error` of the answer. */
  readonly answered: Promise<unknown>;
  readonly closed: Promise<unknown>;
}

function call(method: typeof open | typeof renew | typeof watch, headers: Record<string, string> = {}): Call {
  const stream = session.request({
    ':method': 'POST',
    ':path': methodWire(method).path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  stream.on('error', () => {});
  const answered = new Promise((resolve) => {
    stream.once('response', (answer) => resolve(answer['leasehold-error']));
    stream.once('close', () => resolve('no answer'));
  });
  const closed = new Promise((resolve) => stream.once('close', () => resolve(stream.rstCode)));
  return { stream: stream.resume(), answered, closed };
}

/** The head of a message of 1 MiB, and as much of it. */
function begin({ stream }: Call, bytes: number): void {
  stream.write(Buffer.concat([Buffer.from([0, 0, 0x10, 0, 0]), Buffer.alloc(bytes)]));
}

test.each([
  ['without a token', {}, 'identity_missing'],
  ['with a wrong one', { authorization: 'Bearer s2' }, 'identity_invalid'],
])('%s a call is refused at its headers, and its stream is not kept', async (_, headers, expected) => {
  await dial();
  const calls = [call(renew, headers), call(watch, headers)];
  expect(await Promise.all(calls.map(({ answered }) => answered))).toEqual([expected, expected]);
  expect(await Promise.all(calls.map(({ closed }) => closed))).toEqual([
    constants.NGHTTP2_ENHANCE_YOUR_CALM,
    constants.NGHTTP2_ENHANCE_YOUR_CALM,
  ]);
  expect(wired.observed).toEqual([`Renew ${expected}`]);
  expect(wired.asked).toEqual([]);
});

test('a request to open a session is small: what is longer is refused before it is whole, and let go', async () => {
  await dial();
  const long = call(open);
  begin(long, 8_192);
  expect(await long.answered).toBe('invalid_argument');
  expect(await long.closed).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  expect(wired.observed).toEqual(['Open invalid_argument']);
});

test('a unary request has to arrive whole within its time, with a session, too', async () => {
  await dial({ arriveWithinMs: 20 });
  const calls = [call(open), call(renew, proven)];
  for (const each of calls) begin(each, 100);
  expect(await Promise.all(calls.map(({ answered }) => answered))).toEqual(['bad_request', 'bad_request']);
  await Promise.all(calls.map(({ closed }) => closed));
  expect(wired.asked).toEqual([]);
});

test('what lies of unfinished requests is bounded for a tenant: one more is told to come again, and what was given up is free again', async () => {
  await dial({ maxUnfinishedBytesInAll: 400_000 });
  const first = call(renew, proven);
  begin(first, 150_000);
  await vi.waitFor(() => expect(wired.verified).toHaveLength(1));
  const second = call(renew, proven);
  begin(second, 100_000);
  expect(await second.answered).toBe('overloaded');
  first.stream.close(constants.NGHTTP2_CANCEL);
  await second.closed;
  const third = call(renew, proven);
  begin(third, 150_000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(third.stream.closed).toBe(false);
});

test('an answer that is not read is not kept', async () => {
  await dial({ unreadForMs: 50 });
  session.settings({ initialWindowSize: 0 });
  await once(session, 'localSettings');
  const unread = call(renew, proven);
  const message = methodWire(renew).requestSerialize({ leaseId: 'l1', ttlMs: 0n });
  unread.stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
  expect(await unread.closed).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  expect(wired.asked).toHaveLength(1);
});

test('when more requests to open a session are unfinished than may be, the oldest gives way, and honest ones are served', async () => {
  await dial({ maxUnfinishedOpens: 2 });
  const first = call(open);
  const others = [call(open), call(open)];
  expect(await first.answered).toBe('bad_request');
  const proof = { proof: { case: 'agentToken', value: 'tok' }, instanceId: 'instance-0123456789', instanceName: 'pod-1' } as const;
  expect(await wired.sessions.open(proof)).toMatchObject({ sessionToken: 's1' });
  // It took the place of the second; the third has its own still.
  expect(await others[0]?.answered).toBe('bad_request');
  expect(others[1]?.stream.closed).toBe(false);
});

test('a message of a watch stream is small: one that does not end costs the stream', async () => {
  await dial({ maxWatchMessageBytes: 1_000 });
  const watching = call(watch, proven);
  const start = encode(WatchRequestSchema, { message: { case: 'start', value: {} } }).bytes;
  watching.stream.write(Buffer.concat([Buffer.from([0, 0, 0, 0, start.length]), start]));
  const at = await vi.waitFor(() => wired.attached[0] ?? Promise.reject(new Error('not attached')));
  expect(at.caller).toEqual(caller);
  begin(watching, 1_000);
  expect(await watching.closed).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  await vi.waitFor(() => expect(at.ended.aborted).toBe(true));
});

test('many small messages of a watch stream are many messages', async () => {
  await dial({ maxWatchMessageBytes: 1_000 });
  const stream = wired.leases.watch({ message: () => {}, ended: () => {} }, { metadata: proven });
  stream.send({ message: { case: 'start', value: {} } });
  for (let id = 1n; id <= 500n; id += 1n) stream.send({ message: { case: 'ping', value: { id } } });
  await vi.waitFor(() => expect(wired.attached[0]?.heard).toHaveLength(500));
  stream.end();
});

test('a stream that was answered before it was whole is not kept', async () => {
  await dial();
  const twice = call(open);
  twice.stream.write(Buffer.alloc(10)); // Two messages of no bytes.
  expect(await twice.closed).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
});

test('the token of a call is verified once', async () => {
  await dial();
  await wired.leases.renew({ leaseId: 'l1' }, { metadata: proven });
  expect(wired.verified).toEqual(['s1']);
});
