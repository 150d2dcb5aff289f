import { AppError } from '@leasehold/core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createStage, createTestSink, type Stage, told } from './stage.suite.ts';

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

/** Reads of heads stay open until let go. */
function holdReads(): { letGo(): Promise<void> } {
  const held: (() => void)[] = [];
  stage.log.before = (read) => (read === 'heads' ? new Promise((resolve) => held.push(resolve)) : Promise.resolve());
  return {
    async letGo() {
      for (const go of held.splice(0)) go();
      await settle();
    },
  };
}

test('a ping is answered by a read that began after it came in, never by one under way', async () => {
  const one = stage.join();
  await settle();
  const reads = holdReads();
  one.ping(1);
  await settle();
  one.ping(2);
  stage.log.commit();
  await reads.letGo();
  expect(told(one.sink)).toBe('hello@0/0 routes:1 revoked:1 pong:1@1');
  await reads.letGo();
  expect(told(one.sink)).toBe('hello@0/0 routes:1 revoked:1 pong:1@1 pong:2@1');
});

test('pings that came in before a read share it', async () => {
  const all = Array.from({ length: 50 }, () => stage.join());
  await settle();
  const before = stage.log.reads;
  for (const one of all) one.ping(7);
  await settle();
  expect(stage.log.reads).toBe(before + 1);
  expect(all.every(({ sink }) => told(sink).endsWith('pong:7@0'))).toBe(true);
});

test('without its store the broker answers no ping, and goes on once it is back', async () => {
  const one = stage.join();
  await settle();
  stage.log.before = () => Promise.reject(new AppError('store_unavailable', 'down'));
  one.ping(1);
  const refused = stage.join();
  await vi.advanceTimersByTimeAsync(500);
  expect([told(one.sink), told(refused.sink)]).toEqual(['hello@0/0 routes:1', '!store_unavailable']);
  expect(stage.faults.length).toBeGreaterThan(0);
  stage.log.before = async () => {};
  stage.log.commit();
  await vi.advanceTimersByTimeAsync(200);
  expect(told(one.sink)).toBe('hello@0/0 routes:1 revoked:1 pong:1@1');
});

test('a store that can tell its head but not its rows gets no pong', async () => {
  const one = stage.join();
  await settle();
  stage.log.before = (read) => (read === 'after' ? Promise.reject(new Error('down')) : Promise.resolve());
  stage.log.commit();
  one.ping(1);
  await vi.advanceTimersByTimeAsync(500);
  expect(told(one.sink)).toBe('hello@0/0 routes:1');
});

test.each(['rows', 'head'] as const)('nobody waits for a tenant whose %s can not be read, and it gets no pong', async (what) => {
  const broken = stage.join();
  const other = stage.join({ tenantId: 't2', agentId: 'a2' });
  stage.log.commit('t2');
  await settle();
  stage.log.damage('t1', what);
  for (let n = 1; n <= 3; n++) {
    stage.log.commit();
    broken.ping(n);
    stage.log.commit('t2');
    stage.notify();
    other.ping(n);
    await settle();
    expect([n, told(other.sink).endsWith(`revoked:${n + 1} pong:${n}@${n + 1}`)]).toEqual([n, true]);
  }
  await vi.advanceTimersByTimeAsync(1_000);
  expect([told(broken.sink), stage.faults.length > 0]).toEqual(['hello@0/0 routes:1', true]);
});

test('pings of those whose log can not be read cause a read each tenth of a second for all of them, not one each', async () => {
  const broken = Array.from({ length: 10 }, () => stage.join());
  await settle();
  stage.log.damage('t1', 'head');
  const before = stage.log.reads;
  for (let n = 1; n <= 90; n++) {
    broken[n % 10]?.ping(n);
    await vi.advanceTimersByTimeAsync(10);
  }
  // Each of the ten is read for once before it rests with the others.
  expect(stage.log.reads - before).toBeLessThanOrEqual(9 + 10);
});

test('a read that never ends is given up, and does not stop those that follow', async () => {
  const one = stage.join();
  await settle();
  stage.log.before = () => new Promise(() => {});
  one.ping(1);
  await vi.advanceTimersByTimeAsync(2_000);
  stage.log.before = async () => {};
  await vi.advanceTimersByTimeAsync(2_000);
  expect(told(one.sink)).toBe('hello@0/0 routes:1 pong:1@0');
});

test('rows that come too late move nothing', async () => {
  const one = stage.join();
  await settle();
  const { promise, resolve } = Promise.withResolvers<void>();
  stage.log.before = (read) => (read === 'after' ? promise : Promise.resolve());
  stage.log.commit();
  stage.notify();
  await vi.advanceTimersByTimeAsync(3_500);
  resolve();
  stage.log.before = async () => {};
  await settle();
  one.ping(1);
  await settle();
  expect(told(one.sink)).toBe('hello@0/0 routes:1 revoked:1 pong:1@1');
});

test('a lost wake-up costs one polling interval', async () => {
  const one = stage.join();
  await settle();
  stage.log.commit();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(told(one.sink)).toBe('hello@0/0 routes:1 revoked:1');
});

test('what can not be said to one stream ends that one, is reported, and the others are served', async () => {
  const broken = createTestSink();
  const thrown = new Error('no uint32');
  broken.send = ({ kind }) => {
    if (kind === 'routes') throw thrown;
    return true;
  };
  const [first, other] = [stage.join({}, undefined, broken), stage.join()];
  await settle();
  other.ping(1);
  await settle();
  expect([first.sink.how, stage.faults, told(other.sink)]).toEqual([
    { kind: 'error', error: expect.objectContaining({ code: 'internal' }) },
    [expect.objectContaining({ cause: thrown, message: expect.stringContaining('a1') })],
    'hello@0/0 routes:1 pong:1@0',
  ]);
});
