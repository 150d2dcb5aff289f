import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createStage, createTestSink, type Stage, told } from './watch/stage.suite.ts';

let stage: Stage;

beforeEach(() => {
  vi.useFakeTimers();
  stage = createStage();
});

afterEach(() => {
  stage.close();
  vi.useRealTimers();
});

/** Everything that waits for no timer. */
const settle = () => vi.advanceTimersByTimeAsync(0);

test('a sidecar that holds nothing begins at the head, and has its routes before the first pong', async () => {
  stage.log.commit();
  const one = stage.join();
  one.ping(1);
  await settle();
  expect(told(one.sink)).toBe('hello@1/1 routes:1 pong:1@1');
});

test('a sidecar that lost its stream gets every event that it missed, once and in order', async () => {
  for (let n = 0; n < 3; n++) stage.log.commit();
  const one = stage.join({}, { epoch: 'e1', seq: 1 });
  await settle();
  stage.log.commit();
  stage.notify();
  await settle();
  expect(told(one.sink)).toBe('hello@1/3 revoked:2 revoked:3 routes:1 revoked:4');
});

test('more missed events than one page holds come without a gap', async () => {
  for (let n = 0; n < 1_700; n++) stage.log.commit();
  const one = stage.join({}, { epoch: 'e1', seq: 0 });
  await settle();
  const seqs = one.sink.sent.flatMap((message) => (message.kind === 'revoked' ? [message.event.seq] : []));
  expect(seqs).toEqual(Array.from({ length: 1_700 }, (_, index) => index + 1));
});

test.each([
  ['from another epoch', { epoch: 'e0', seq: 1 }, '!reset epoch changed'],
  ['ahead of the log', { epoch: 'e1', seq: 9 }, '!reset ahead of the log'],
])('a sidecar %s has to start over', async (_, start, expected) => {
  stage.log.commit();
  const one = stage.join({}, start);
  await settle();
  expect(told(one.sink)).toBe(expected);
  expect(stage.hub.connected()).toEqual([]);
});

test('a sidecar that is too far behind, or behind what the log still has, starts over', async () => {
  stage.close();
  stage = createStage({ maxReplay: 2 });
  for (let n = 0; n < 5; n++) stage.log.commit();
  stage.log.cutOff('t1', 4);
  const far = stage.join({}, { epoch: 'e1', seq: 2 });
  const cut = stage.join({}, { epoch: 'e1', seq: 3 });
  const near = stage.join({}, { epoch: 'e1', seq: 4 });
  await settle();
  expect([far, cut, near].map(({ sink }) => told(sink))).toEqual([
    '!reset too far behind',
    'hello@3/5 !reset log truncated',
    'hello@4/5 revoked:5 routes:1',
  ]);
});

test('a new epoch, a log that went back and a hole make every sidecar of the tenant start over', async () => {
  const other = stage.join({ tenantId: 't2', agentId: 'a2' });
  stage.log.commit('t2');
  const breaks = [
    () => stage.log.restore('t1', 'e2', 0),
    () => stage.log.restore('t1', 'e2', 1),
    () => {
      stage.log.commit();
      stage.log.commit();
      stage.log.cutOff('t1', stage.log.head().seq - 1);
    },
  ];
  const ends: string[] = [];
  for (const breakIt of breaks) {
    for (let n = 0; n < 2; n++) stage.log.commit();
    const both = [stage.join(), stage.join()];
    await settle();
    breakIt();
    stage.notify();
    await settle();
    ends.push(...both.map(({ sink }) => told(sink).split('!')[1] ?? ''));
  }
  expect(ends).toEqual([
    'reset epoch changed',
    'reset epoch changed',
    'reset ahead of the log',
    'reset ahead of the log',
    'reset log truncated',
    'reset log truncated',
  ]);
  expect(told(other.sink)).toBe('hello@1/1 routes:1');
});

test('a slow reader is cut off with a reset, and its neighbour waits for nothing', async () => {
  const slow = stage.join({}, undefined, createTestSink(3));
  const quick = stage.join();
  await settle();
  for (let n = 0; n < 3; n++) stage.log.commit();
  stage.notify();
  await settle();
  expect(told(slow.sink)).toBe('hello@0/0 routes:1 revoked:1 !reset queue overflow');
  expect(told(quick.sink)).toBe('hello@0/0 routes:1 revoked:1 revoked:2 revoked:3');
  expect(stage.hub.connected()).toHaveLength(1);
});

test('an event is one object for all streams, so that it is encoded once', async () => {
  const all = Array.from({ length: 3 }, () => stage.join());
  await settle();
  stage.log.commit();
  stage.notify();
  await settle();
  expect(new Set(all.map(({ sink }) => sink.sent.find(({ kind }) => kind === 'revoked'))).size).toBe(1);
});

test('the event loop turns between chunks of a fan-out', async () => {
  stage.close();
  let breaths = 0;
  stage = createStage({
    breathe: async () => {
      breaths++;
    },
  });
  const all = Array.from({ length: 1_600 }, () => stage.join());
  await settle();
  const before = breaths;
  stage.log.commit();
  stage.notify();
  await settle();
  expect(all.every(({ sink }) => told(sink).endsWith('revoked:1'))).toBe(true);
  expect(breaths - before).toBeGreaterThanOrEqual(3);
});

test('a tenant hears nothing of another tenant', async () => {
  stage.log.commit('t2');
  const [one, other] = [stage.join(), stage.join({ tenantId: 't2', agentId: 'a2' })];
  await settle();
  stage.log.commit('t2');
  stage.notify();
  await settle();
  expect([told(one.sink), told(other.sink)]).toEqual(['hello@0/0 routes:1', 'hello@1/1 routes:1 revoked:2']);
  expect(told(stage.join({ tenantId: 'gone' }).sink)).toBe('');
});

test('a tenant that is gone is told like a wrong identity', async () => {
  const one = stage.join({ tenantId: 'gone' });
  await settle();
  expect(told(one.sink)).toBe('!identity_invalid');
});

test('too many pings, and a confirmation of what was never sent, end the stream', async () => {
  const [flood, liar] = [stage.join(), stage.join()];
  await settle();
  stage.log.before = () => new Promise(() => {});
  for (let id = 0; id < 100; id++) flood.ping(id);
  liar.applied(1);
  await settle();
  expect([told(flood.sink), told(liar.sink)]).toEqual(['hello@0/0 routes:1 !invalid_argument', 'hello@0/0 routes:1 !invalid_argument']);
});

test('what left is sent nothing more; what stops says so to all', async () => {
  const [one, two] = [stage.join(), stage.join()];
  await settle();
  one.leave();
  one.ping(1);
  stage.log.commit();
  stage.notify();
  await settle();
  stage.close();
  expect([told(one.sink), told(two.sink)]).toEqual(['hello@0/0 routes:1', 'hello@0/0 routes:1 revoked:1 !broker_unreachable']);
  expect(told(stage.join().sink)).toBe('!overloaded');
});

test('past the highest number of streams a new one is refused, and those in place stay', async () => {
  stage.close();
  stage = createStage({ maxStreams: 1 });
  const [one, two] = [stage.join(), stage.join()];
  await settle();
  expect([told(one.sink), told(two.sink)]).toEqual(['hello@0/0 routes:1', '!overloaded']);
});

test('THREATS 34: one agent of many has only so many streams, and the others get in', async () => {
  stage.close();
  stage = createStage({ maxStreamsPerAgent: 1 });
  const joined = [stage.join(), stage.join(), stage.join({ agentId: 'a2' })];
  await settle();
  expect(joined.map(({ sink }) => told(sink))).toEqual(['hello@0/0 routes:1', '!overloaded', 'hello@0/0 routes:1']);
});

test('THREATS 34: a tenant that takes all streams there are makes room for another, the latest first, and has no less than that one', async () => {
  stage.close();
  stage = createStage({ maxStreams: 4 });
  const flood = [1, 2, 3, 4].map((n) => stage.join({ agentId: `a${n}` }));
  stage.log.head('t2');
  const others = [1, 2, 3].map(() => stage.join({ tenantId: 't2', agentId: 'b' }));
  await settle();
  const isIn = ({ sink }: { readonly sink: Parameters<typeof told>[0] }) => !told(sink).includes('!overloaded');
  expect([flood.map(isIn), others.map(isIn)]).toEqual([
    [true, true, false, false],
    [true, true, false],
  ]);
});

test('each confirmed event is measured once, from its commit', async () => {
  const [one, two] = [stage.join(), stage.join()];
  await settle();
  stage.log.commit();
  stage.nowMs += 10;
  stage.log.commit();
  stage.notify();
  await settle();
  stage.nowMs += 5;
  one.applied(2);
  one.applied(2);
  one.applied(1);
  stage.nowMs += 5;
  two.applied(1);
  expect(stage.latencies).toEqual([15, 5, 20]);
  expect(stage.hub.connected().map(({ instanceName, appliedSeq }) => `${instanceName} ${appliedSeq}`)).toEqual(['pod-1 2', 'pod-2 1']);
});
