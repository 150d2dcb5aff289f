import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LeaseEntry } from '../domain/lease-entry.ts';
import { createRig, type Rig, revocation, type ScriptedStream, settle } from './scripted-broker.suite.ts';

/** What a process that is stopped, a machine that sleeps and a clock that is stepped may do to a lease (THREATS 22, 26). */

let rig: Rig;
let stream: ScriptedStream;
let entry: LeaseEntry;
beforeEach(async () => {
  vi.useFakeTimers();
  rig = createRig();
  stream = await rig.comeInStep();
  entry = await rig.lend();
});
afterEach(() => {
  rig.stop();
  vi.useRealTimers();
});

const gate = (): string | undefined => rig.leases.refusal(entry, rig.clock.now())?.code;
const inHand = (): LeaseEntry | undefined => rig.leases.inHand('c1', rig.clock.now());

const stops: readonly (readonly [string, (ms: number) => void])[] = [
  ['a process stopped by SIGSTOP, or whose event loop is busy,', (ms) => rig.clock.stall(ms)],
  ['a machine that slept', (ms) => rig.clock.sleep(ms)],
  ['a wall clock set forward', (ms) => rig.clock.stepWall(ms)],
];

describe.each(stops)('%s', (_, stop) => {
  it('for 30 s uses nothing that it held before, not even before the first timer has run', () => {
    stop(30_000);
    expect([gate(), inHand()]).toEqual(['out_of_step', undefined]);
  });

  it('wipes it as soon as a timer runs, and cuts what streams', async () => {
    const cut = vi.fn();
    rig.leases.hold(entry, { isStreaming: () => true, cut });
    stop(30_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([entry.secret.isWiped, rig.leases.size, cut.mock.calls.length]).toEqual([true, 0, 1]);
  });

  describe('past the end of a lease', () => {
    let cut: (why: { readonly code: string }) => void;
    beforeEach(async () => {
      entry = await rig.lend('c2', { leaseId: 'l2', ttlMs: 5_000 });
      cut = vi.fn();
      rig.leases.hold(entry, { isStreaming: () => true, cut });
    });

    it('gives its streams no grace', async () => {
      stop(5_000);
      stream.on.pong(stream.pings.at(-1) ?? 0, 5);
      expect(cut).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'lease_ended' }));
    });

    it('gives nothing back to streams that were in their grace', async () => {
      stream.answersWith = undefined;
      await vi.advanceTimersByTimeAsync(3_000);
      expect(rig.standing.isInStep(rig.clock.now())).toBe(false);
      expect(cut).not.toHaveBeenCalled();
      stop(2_000);
      stream.on.pong(stream.pings.at(-1) ?? 0, 5);
      expect(rig.standing.isInStep(rig.clock.now())).toBe(true);
      expect(cut).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'lease_ended' }));
    });
  });

  it('to the last millisecond of max_staleness goes on, and no further', () => {
    // The newest ping that was answered was sent just now.
    stop(2_999);
    expect([gate(), inHand()]).toEqual([undefined, entry]);
    stop(1);
    expect(gate()).toBe('out_of_step');
  });

  it('is in step again by a ping of its own, and by nothing that was under way before', async () => {
    stream.answersWith = undefined;
    await vi.advanceTimersByTimeAsync(1_000);
    const before = stream.pings.at(-1) ?? 0;
    stop(30_000);
    stream.on.pong(before, 5);
    await settle();
    expect(gate()).toBe('out_of_step');
    expect(rig.standing.isInStep(rig.clock.now())).toBe(false);
  });
});

it('a wall clock set back gives a lease no more time, and takes none away', async () => {
  stream.answersWith = undefined;
  rig.clock.stepWall(-3_600_000);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(gate()).toBeUndefined();
  await vi.advanceTimersByTimeAsync(1_000);
  expect([gate(), entry.secret.isWiped]).toEqual(['out_of_step', true]);
});

it('a revocation that waited in a buffer while the process was stopped is applied before anything is used', () => {
  rig.clock.stall(2_000);
  stream.on.revoked(revocation(6));
  expect([gate(), inHand(), entry.secret.isWiped]).toEqual(['lease_revoked', undefined, true]);
});
