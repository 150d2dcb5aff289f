import { AppError } from '@leasehold/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRig, hello, type Rig, revocation, settle } from './scripted-broker.suite.ts';

let rig: Rig;
beforeEach(() => {
  vi.useFakeTimers();
  rig = createRig();
});
afterEach(() => {
  rig.stop();
  vi.useRealTimers();
});

const isInStep = (): boolean => rig.standing.isInStep(rig.clock.now());

describe('following the log', () => {
  it('is in step after the first answered ping, not after hello', async () => {
    const running = new AbortController();
    const run = rig.follower.run(running.signal);
    rig.streams[0]?.on.hello(hello);
    await settle();
    expect(rig.streams[0]?.start).toBeUndefined();
    expect(isInStep()).toBe(false);
    rig.streams[0]?.on.pong(1, 5);
    expect(isInStep()).toBe(true);
    running.abort();
    await run;
  });

  it('is ready once in step and told its routes', async () => {
    const stream = await rig.comeInStep();
    expect(rig.follower.isReady(rig.clock.now())).toBe(false);
    stream.on.routes([]);
    expect(rig.follower.isReady(rig.clock.now())).toBe(true);
    stream.answersWith = undefined;
    await vi.advanceTimersByTimeAsync(3_000);
    expect(rig.follower.isReady(rig.clock.now())).toBe(false);
  });

  it('pings at the interval that the broker names, and stays in step by it', async () => {
    const stream = await rig.comeInStep();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(stream.pings.length).toBe(11);
    expect(isInStep()).toBe(true);
    expect(rig.follower.stalenessMs(rig.clock.now())).toBe(0);
  });

  it('is out of step when pongs take longer than max_staleness, however steadily they come', async () => {
    const stream = await rig.comeInStep();
    stream.answersWith = undefined;
    for (let second = 1; second < 8; second += 1) {
      await vi.advanceTimersByTimeAsync(1_000);
      const id = stream.pings.at(-4);
      if (id !== undefined) stream.on.pong(id, 5);
      if (second >= 3) expect(isInStep()).toBe(false);
    }
  });

  it('confirms each event once, in order, and not before it is purged', async () => {
    const stream = await rig.comeInStep();
    const entry = await rig.lend();
    expect(stream.applied).toEqual([]);
    stream.on.revoked(revocation(6));
    stream.on.revoked(revocation(7, { ids: ['c9'] }));
    expect(stream.applied).toEqual([6, 7]);
    expect(entry.secret.isWiped).toBe(true);
  });
});

describe('a stream that breaks', () => {
  it('is resumed where the cursor stood, and nothing is lost as long as that takes less than max_staleness', async () => {
    const stream = await rig.comeInStep();
    const entry = await rig.lend();
    stream.on.revoked(revocation(6, { ids: ['c9'] }));
    stream.on.ended(new Error('connection reset'));
    await vi.advanceTimersByTimeAsync(500);
    expect(rig.streams.length).toBe(2);
    expect(rig.streams[1]?.start).toEqual({ epoch: 'e1', seq: 6 });
    expect(rig.leases.refusal(entry, rig.clock.now())).toBeUndefined();
    await vi.advanceTimersByTimeAsync(2_500);
    expect(rig.leases.refusal(entry, rig.clock.now())?.code).toBe('out_of_step');
  });

  it('does not count pongs to pings of the stream before', async () => {
    const stream = await rig.comeInStep();
    stream.answersWith = undefined;
    await vi.advanceTimersByTimeAsync(1_000);
    const old = stream.pings.at(-1) ?? 0;
    stream.on.ended(new Error('gone'));
    await vi.advanceTimersByTimeAsync(500);
    const next = rig.streams[1];
    next?.on.hello(hello);
    await vi.advanceTimersByTimeAsync(1_400);
    expect(next?.pings).not.toContain(old);
    next?.on.pong(old, 5);
    await vi.advanceTimersByTimeAsync(100);
    expect(isInStep()).toBe(false);
  });

  it('is given up when nobody answers for max_staleness', async () => {
    const stream = await rig.comeInStep();
    stream.answersWith = undefined;
    await vi.advanceTimersByTimeAsync(4_000);
    expect(stream.isOver()).toBe(true);
    await vi.advanceTimersByTimeAsync(500);
    expect(rig.streams.length).toBe(2);
  });

  it('is given up on waking up from a long sleep', async () => {
    const stream = await rig.comeInStep();
    stream.answersWith = undefined;
    await vi.advanceTimersByTimeAsync(1_000);
    rig.clock.sleep(30_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(stream.isOver()).toBe(true);
  });

  it('is given up when it never says hello', async () => {
    const running = new AbortController();
    const run = rig.follower.run(running.signal);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(rig.streams[0]?.isOver()).toBe(true);
    running.abort();
    await run;
  });

  it('is tried at least once a second while nobody answers at all: a broker that comes back is not waited for', async () => {
    void rig.follower.run(new AbortController().signal);
    for (let gone = 0; gone < 8; gone += 1) {
      const count = rig.streams.length;
      rig.streams.at(-1)?.on.ended(new AppError('broker_unreachable', 'connection refused'));
      await vi.advanceTimersByTimeAsync(1_000);
      expect(rig.streams.length).toBe(count + 1);
    }
  });

  it('is tried again as soon as a connection stands, if it was that which was wanting, and not sooner', async () => {
    void rig.follower.run(new AbortController().signal);
    for (const [code, more] of [
      ['broker_unreachable', 1],
      ['overloaded', 0],
    ] as const) {
      const count = rig.streams.length;
      rig.streams.at(-1)?.on.ended(new AppError(code, 'no'));
      await settle();
      expect(rig.streams.length).toBe(count);
      rig.connect();
      await settle();
      expect(rig.streams.length).toBe(count + more);
    }
  });

  it('is not tried again once the follower ends', async () => {
    const end = new AbortController();
    const run = rig.follower.run(end.signal);
    rig.streams.at(-1)?.on.ended(new AppError('broker_unreachable', 'connection refused'));
    await settle();
    end.abort();
    await run;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is tried again soon after a Reset, however long the broker was away, but not after one Reset upon another', async () => {
    void rig.follower.run(new AbortController().signal);
    for (let gone = 0; gone < 6; gone += 1) {
      rig.streams.at(-1)?.on.ended(new Error('connection refused'));
      await vi.advanceTimersByTimeAsync(5_000);
    }
    const before = rig.streams.length;
    rig.streams.at(-1)?.on.reset('epoch changed');
    await vi.advanceTimersByTimeAsync(500);
    expect(rig.streams.length).toBe(before + 1);
    rig.streams.at(-1)?.on.reset('epoch changed');
    await vi.advanceTimersByTimeAsync(999);
    expect(rig.streams.length).toBe(before + 1);
    await vi.advanceTimersByTimeAsync(1);
    expect(rig.streams.length).toBe(before + 2);
  });

  it('is tried again later and later, not in a crowd', async () => {
    const running = new AbortController();
    const run = rig.follower.run(running.signal);
    const waits: number[] = [];
    for (let attempt = 0; attempt < 6; attempt += 1) {
      const count = rig.streams.length;
      rig.streams.at(-1)?.on.ended(new Error('refused'));
      const from = Date.now();
      while (rig.streams.length === count) await vi.advanceTimersByTimeAsync(100);
      waits.push(Date.now() - from);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    // One that worked for a while makes the next attempt a first one.
    rig.streams.at(-1)?.on.hello(hello);
    await vi.advanceTimersByTimeAsync(1_000);
    rig.streams.at(-1)?.on.ended(new Error('gone'));
    await vi.advanceTimersByTimeAsync(500);
    expect(rig.streams.length).toBe(8);
    running.abort();
    await run;
  });
});

describe('what makes everything known worthless', () => {
  it.each([
    ['a reset', (rig: Rig) => rig.streams[0]?.on.reset('epoch changed')],
    ['a gap', (rig: Rig) => rig.streams[0]?.on.revoked(revocation(7, { ids: ['c9'] }))],
    ['a doubled event', (rig: Rig) => rig.streams[0]?.on.revoked(revocation(5, { ids: ['c9'] }))],
    ['a head whose events never came', (rig: Rig) => rig.streams[0]?.on.pong(2, 6)],
    ['a hello in the midst, of another epoch', (rig: Rig) => rig.streams[0]?.on.hello({ ...hello, epoch: 'e2' })],
  ])('(%s) wipes, refuses, and starts over with nothing', async (_, happens) => {
    const stream = await rig.comeInStep();
    const entry = await rig.lend();
    stream.answersWith = undefined;
    await vi.advanceTimersByTimeAsync(1_000);
    happens(rig);
    expect(entry.secret.isWiped).toBe(true);
    expect(isInStep()).toBe(false);
    expect(stream.isOver()).toBe(true);
    expect(stream.applied).toEqual([]);
    expect(rig.leases.refusal(entry, rig.clock.now())?.code).toBe('out_of_step');
    await vi.advanceTimersByTimeAsync(500);
    expect(rig.streams[1]?.start).toBeUndefined();
  });

  it('is also a resumed stream that belongs to another agent', async () => {
    const stream = await rig.comeInStep();
    const entry = await rig.lend();
    stream.on.ended(new Error('gone'));
    await vi.advanceTimersByTimeAsync(500);
    rig.streams[1]?.on.hello({ ...hello, agentId: 'somebody else' });
    expect(entry.secret.isWiped).toBe(true);
  });

  it('is also a failure of our own halfway through a message', async () => {
    const stream = await rig.comeInStep();
    const entry = await rig.lend();
    rig.routes.replace = () => {
      throw new Error('bug');
    };
    stream.on.routes([]);
    expect(entry.secret.isWiped).toBe(true);
    expect(rig.followerEvents.some((event) => event.kind === 'failed')).toBe(true);
  });
});

describe('stopping', () => {
  it('ends the stream, and nothing that comes later is looked at', async () => {
    const stream = await rig.comeInStep();
    rig.stop();
    await settle();
    expect(stream.isOver()).toBe(true);
    stream.on.revoked(revocation(6));
    expect(stream.applied).toEqual([]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(rig.streams.length).toBe(1);
  });
});

it('pings often enough to stay in step, whatever interval the broker asks for', async () => {
  void rig.follower.run(new AbortController().signal);
  const stream = rig.streams.at(-1);
  if (stream === undefined) throw new Error('no stream');
  stream.answersWith = hello.headSeq;
  stream.on.hello({ ...hello, pingIntervalMs: 60_000 });
  await settle();
  for (let second = 0; second < 10; second += 1) {
    await vi.advanceTimersByTimeAsync(1_000);
    expect(rig.standing.isInStep(rig.clock.now())).toBe(true);
  }
  expect(rig.streams).toHaveLength(1);
});
