import { AppError } from '@leasehold/core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createStage, routeOf, type Stage, told } from './stage.suite.ts';

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

test('changed routes reach the agent that they are for, after the revocation that came with them', async () => {
  const [one, other] = [stage.join(), stage.join({ agentId: 'a2' })];
  await settle();
  stage.notify();
  await settle();
  stage.routes.set('a1', [routeOf(2)]);
  stage.log.touch('a1');
  stage.log.touch('nobody');
  stage.log.commit();
  stage.notify();
  await settle();
  expect(told(one.sink)).toBe('hello@0/0 routes:1 revoked:1 routes:2');
  expect(told(other.sink)).toBe('hello@0/0 routes:1 revoked:1');
  expect(stage.routeReads).not.toContain('nobody');
});

test('routes are not sent again when nothing in them changed, and sidecars of one agent share a look-up', async () => {
  const all = Array.from({ length: 5 }, () => stage.join());
  await settle();
  stage.notify();
  await settle();
  const before = stage.routeReads.length;
  stage.log.touch('a1');
  stage.notify();
  await settle();
  expect(stage.routeReads.length).toBe(before + 1);
  expect(all.map(({ sink }) => told(sink))).toEqual(all.map(() => 'hello@0/0 routes:1'));
});

test('a rotated token ends the streams that were opened with the old one, and no other', async () => {
  const [old, other] = [stage.join(), stage.join({ agentId: 'a2' })];
  await settle();
  stage.notify();
  await settle();
  stage.routes.set('a1', new AppError('identity_invalid', 'Open a new session.'));
  stage.log.touch('a1');
  stage.notify();
  await settle();
  expect([told(old.sink), told(other.sink)]).toEqual(['hello@0/0 routes:1 !identity_invalid', 'hello@0/0 routes:1']);
});

test('INV-4: who has no identity any more is told of the revocation that took it, and is gone once it confirmed, or when its time is over', async () => {
  stage.close();
  stage = createStage({ breathe: () => new Promise((resolve) => setTimeout(resolve, 1)) });
  const [obedient, silent] = [stage.join(), stage.join()];
  await vi.advanceTimersByTimeAsync(50);
  stage.notify();
  await vi.advanceTimersByTimeAsync(50);
  stage.log.commit('t1', { scope: 'agent', ids: ['a1'] });
  stage.log.touch('a1');
  stage.routes.set('a1', new AppError('identity_invalid', 'gone'));
  stage.notify();
  await vi.advanceTimersByTimeAsync(50);
  expect([told(obedient.sink), told(silent.sink)]).toEqual(['hello@0/0 routes:1 revoked:1', 'hello@0/0 routes:1 revoked:1']);
  obedient.applied(1);
  silent.ping(9);
  expect(told(obedient.sink)).toBe('hello@0/0 routes:1 revoked:1 !identity_invalid');
  await vi.advanceTimersByTimeAsync(2_900);
  expect(told(silent.sink)).toBe('hello@0/0 routes:1 revoked:1');
  await vi.advanceTimersByTimeAsync(100);
  expect(told(silent.sink)).toBe('hello@0/0 routes:1 revoked:1 !identity_invalid');
});

test('a stream that is begun with an identity that is gone ends at once, however far behind it says it is', async () => {
  stage.log.commit();
  stage.routes.set('a1', new AppError('identity_invalid', 'gone'));
  const late = stage.join({}, { epoch: 'e1', seq: 0 });
  await settle();
  expect(told(late.sink)).toBe('hello@0/1 revoked:1 !identity_invalid');
});

test('routes that could not be read are read again, and no pong goes out before them', async () => {
  stage.routes.set('a1', new AppError('store_unavailable', 'down'));
  const one = stage.join();
  one.ping(1);
  await settle();
  expect(told(one.sink)).toBe('hello@0/0');
  stage.routes.delete('a1');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(told(one.sink)).toBe('hello@0/0 routes:1 pong:1@0');
});

test('a change that could not be read when it came is read at the next look, though nothing changes again', async () => {
  const one = stage.join();
  await settle();
  stage.notify();
  await settle();
  stage.routes.set('a1', new AppError('store_unavailable', 'down'));
  stage.log.touch('a1');
  stage.notify();
  await settle();
  stage.routes.set('a1', [routeOf(2)]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(told(one.sink)).toBe('hello@0/0 routes:1 routes:2');
});
