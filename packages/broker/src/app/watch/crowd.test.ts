import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createStage, type Stage, told } from './stage.suite.ts';

/** A broker restarts, and every sidecar comes back at once (THREATS 25). */

const crowd = 1_000;
const agents = 50;
let stage: Stage;

beforeEach(() => {
  vi.useFakeTimers();
  stage = createStage();
});
afterEach(() => {
  stage.close();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(0);
const comeBack = (seq: number) =>
  Array.from({ length: crowd }, (_, index) => stage.join({ agentId: `a${index % agents}` }, { epoch: 'e1', seq }));

test('a crowd that comes back at once shares one read of the log, and the look-ups of its agents', async () => {
  for (let count = 0; count < 3; count += 1) stage.log.commit();
  const reads = stage.log.reads;
  const joined = comeBack(1);
  await settle();
  // The first of the turn begins the read; whoever comes meanwhile shares the next one. Then the routes of all go out by a third.
  expect(stage.log.reads - reads).toBeLessThanOrEqual(4);
  expect(stage.routeReads.length).toBeLessThanOrEqual(3 * agents);
  for (const { sink } of joined) expect(told(sink)).toMatch(/^hello@1\/3 revoked:2 revoked:3 routes:1/);
});

test('their pings share reads, too, and each is answered', async () => {
  const joined = comeBack(0);
  await settle();
  const reads = stage.log.reads;
  joined.forEach(({ ping }, index) => void ping(index));
  await settle();
  expect(stage.log.reads - reads).toBeLessThanOrEqual(2);
  for (const [index, { sink }] of joined.entries()) expect(told(sink)).toContain(`pong:${index}@`);
});

test('no more agents than a few are looked up at once, however many wait', async () => {
  let under = 0;
  let most = 0;
  stage.close();
  stage = createStage({
    routesOf: async () => {
      under += 1;
      most = Math.max(most, under);
      await Promise.resolve();
      under -= 1;
      return [];
    },
  });
  comeBack(0);
  await settle();
  expect(most).toBeLessThanOrEqual(8);
});
