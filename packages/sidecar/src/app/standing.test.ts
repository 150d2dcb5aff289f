import type { Instant } from '@leasehold/core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { emptyCursor, type RevocationCursor } from '../domain/revocation-cursor.ts';
import { createStanding, type Standing } from './standing.ts';

/** Moved apart from the timers: a watchdog that is late sees nothing of it. */
let nowMs: number;
let standing: Standing;
beforeEach(() => {
  vi.useFakeTimers();
  nowMs = 0;
  standing = createStanding({ clock: { now: () => at(nowMs) }, maxWaiters: 10 });
});
afterEach(() => {
  vi.useRealTimers();
});

const at = (ms: number): Instant => ({ monoMs: ms, wallMs: ms });
const freshFrom = (ms: number): RevocationCursor => ({ ...emptyCursor, epoch: 'e1', maxStalenessMs: 3_000, freshFrom: at(ms) });

it('who waits is let go by the next proof, even when nobody else has seen that it was out of step', async () => {
  standing.move(freshFrom(0));
  nowMs = 3_000;
  standing.establish(true);
  const waiting = standing.untilInStep(60_000);
  standing.move(freshFrom(2_900));
  await waiting;
});

it('listeners hear of each turn once, and of nothing between', () => {
  const heard: string[] = [];
  standing.listen({ fell: () => heard.push('fell'), regained: () => heard.push('regained') });
  standing.move(freshFrom(0));
  standing.move(freshFrom(500));
  nowMs = 3_500;
  vi.advanceTimersByTime(3_500);
  standing.move(freshFrom(3_400));
  expect(heard).toEqual(['regained', 'fell', 'regained']);
});

it('freshness is looked at once a second, since a machine that sleeps stops timers', () => {
  const heard: string[] = [];
  standing.listen({ fell: (lateMs) => heard.push(`fell ${lateMs} ms late`), regained: () => undefined });
  standing.move(freshFrom(0));
  nowMs = 10_000;
  vi.advanceTimersByTime(999);
  expect(heard).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(heard).toEqual(['fell 7000 ms late']);
});
