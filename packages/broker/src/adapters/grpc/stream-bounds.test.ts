import { EventEmitter, once } from 'node:events';
import http2 from 'node:http2';
import { LeaseService, methodWire, SessionService } from '@leasehold/contract/grpc';
import { afterEach, expect, test, vi } from 'vitest';
import { createByteBudget } from './byte-budget.ts';
import { createWatchService } from './watch-service.ts';
import { createWatchSink, type WatchServerStream } from './watch-sink.ts';
import { caller, type Wired, wire } from './wired.suite.ts';

let wired: Wired | undefined;
afterEach(async () => {
  vi.useRealTimers();
  await wired?.stop();
  wired = undefined;
});

test('THREATS 34: what came of requests that are whole counts no longer, however many there were', async () => {
  wired = await wire({ maxUnfinishedBytesInAll: 1_000 });
  const session = http2.connect(`https://${wired.target}`, { ca: wired.certPem, servername: 'broker.test' });
  await once(session, 'connect');
  const { renew } = LeaseService.method;
  const answers: unknown[] = [];
  for (let n = 0; n < 20; n += 1) {
    const stream = session.request({
      ':method': 'POST',
      ':path': methodWire(renew).path,
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: 'Bearer s1',
    });
    const id = Buffer.from('x'.repeat(100));
    stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, 102, 0x0a, 100]), id]));
    stream.resume();
    stream.once('response', (head) => answers.push(head['leasehold-error']));
    await once(stream, 'close');
  }
  session.destroy();
  expect(answers).toEqual(Array(20).fill(undefined));
});

test('THREATS 34: what was queued on streams that went away counts against nobody any more', () => {
  const budget = createByteBudget(100);
  for (let n = 0; n < 10; n += 1) {
    const gone = new AbortController();
    const stream = Object.assign(new EventEmitter(), { write: vi.fn(() => true), end: vi.fn() });
    const sink = createWatchSink({
      stream: stream as unknown as WatchServerStream,
      encodeMessage: () => ({ bytes: new Uint8Array(20) }) as never,
      maxMessages: 10,
      maxBytes: 50,
      owner: () => 't1',
      budget,
      unreadForMs: 1_000,
      gone: gone.signal,
      lingerMs: 1_000,
      cut: () => undefined,
    });
    expect(sink.send({ kind: 'pong', id: 1, headSeq: 1 })).toBe(true);
    gone.abort();
  }
});

test('THREATS 34: of too many requests to open a session that do not arrive whole the oldest gives way', async () => {
  wired = await wire({ maxUnfinishedOpens: 2 });
  const session = http2.connect(`https://${wired.target}`, { ca: wired.certPem, servername: 'broker.test' });
  await once(session, 'connect');
  const answers: unknown[] = [];
  for (let n = 0; n < 3; n += 1) {
    const stream = session.request({
      ':method': 'POST',
      ':path': methodWire(SessionService.method.open).path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => undefined).resume();
    stream.once('response', (head) => answers.push([n, head['leasehold-error']]));
    stream.write(Buffer.from([0, 0, 0, 0, 50, 1]));
  }
  await vi.waitFor(() => expect(answers).toEqual([[0, 'bad_request']]), { timeout: 3_000 });
  session.destroy();
});

function served() {
  const stream = Object.assign(new EventEmitter(), { write: vi.fn(() => true), end: vi.fn(), getPeer: () => 'peer:1' });
  const connections = { keep: vi.fn(), cut: vi.fn() };
  const serve = createWatchService({
    callerOf: () => caller,
    hub: { attach: () => ({ ping: () => undefined, applied: () => undefined }) },
    maxQueuedMessages: 10,
    maxQueuedBytes: 1_000,
    maxQueuedBytesInAll: 10_000,
    unreadForMs: 1_000,
    lingerMs: 500,
    connections,
  });
  stream.on('error', () => undefined);
  serve(stream as unknown as WatchServerStream);
  return { stream, connections };
}

test('the connection of a stream that has begun is kept for as long as the stream is', () => {
  const { stream, connections } = served();
  stream.emit('data', { message: { case: 'start', value: { epoch: '', seq: 0n } } });
  expect(connections.keep).toHaveBeenCalledWith('peer:1', caller.tenantId, expect.any(AbortSignal));
  const over: AbortSignal = connections.keep.mock.calls[0]?.[2];
  expect(over.aborted).toBe(false);
  stream.emit('cancelled');
  expect(over.aborted).toBe(true);
});

test('a stream that never says where it stands is ended, and its connection cut when it does not leave', () => {
  vi.useFakeTimers();
  const { stream, connections } = served();
  vi.advanceTimersByTime(10_000 + 499);
  expect(connections.cut).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(connections.cut).toHaveBeenCalledWith('peer:1');
  stream.emit('cancelled');
});
