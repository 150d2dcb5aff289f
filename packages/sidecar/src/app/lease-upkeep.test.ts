import { AppError } from '@leasehold/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRig, type Rig, revocation, settle } from './scripted-broker.suite.ts';

let rig: Rig;
beforeEach(() => {
  vi.useFakeTimers();
  rig = createRig();
});
afterEach(() => {
  rig.stop();
  vi.useRealTimers();
});

const renewed = { leaseId: 'l1', ttlMs: 60_000, epoch: 'e1', issuedAtSeq: 5 };
/** With the rig's dice: two thirds of 60 s. */
const dueMs = 40_000;

describe('renewal', () => {
  it('of a lease in use comes at two thirds of its time, once, and counts from the sending of the request', async () => {
    await rig.comeInStep();
    const entry = await rig.lend();
    await vi.advanceTimersByTimeAsync(dueMs - 1);
    expect(rig.renews).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    const sentAt = rig.clock.now();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(rig.renews.map((ask) => ask.id)).toEqual(['l1']);
    rig.renews[0]?.answer(renewed);
    await settle();
    expect(entry.requestedAt).toEqual(sentAt);
    await vi.advanceTimersByTimeAsync(50_000);
    expect(rig.leases.refusal(entry, rig.clock.now())).toBeUndefined();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(rig.leases.refusal(entry, rig.clock.now())?.code).toBe('lease_ended');
  });

  it('is left out for a lease that nobody used since the last one, until somebody does', async () => {
    await rig.comeInStep();
    await rig.lend();
    await vi.advanceTimersByTimeAsync(dueMs);
    rig.renews[0]?.answer(renewed);
    await vi.advanceTimersByTimeAsync(dueMs + 5_000);
    expect(rig.renews.length).toBe(1);
    expect(rig.leases.inHand('c1', rig.clock.now())).toBeDefined();
    expect(rig.leases.inHand('c1', rig.clock.now())).toBeDefined();
    expect(rig.renews.length).toBe(2);
  });

  it('counts though something else was revoked since the lease was issued', async () => {
    const stream = await rig.comeInStep();
    const entry = await rig.lend();
    stream.on.revoked(revocation(6, { ids: ['c2'] }));
    stream.answersWith = 6;
    await vi.advanceTimersByTimeAsync(dueMs);
    rig.renews[0]?.answer({ ...renewed, issuedAtSeq: 6 });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(rig.leases.refusal(entry, rig.clock.now())).toBeUndefined();
  });

  it('goes on for a lease that only a stream in flight needs', async () => {
    await rig.comeInStep();
    const entry = await rig.lend();
    const cut = vi.fn();
    rig.leases.hold(entry, { isStreaming: () => true, cut });
    for (let round = 0; round < 4; round += 1) {
      await vi.advanceTimersByTimeAsync(dueMs);
      expect(rig.renews.length).toBe(round + 1);
      rig.renews[round]?.answer(renewed);
      await settle();
    }
    expect(cut).not.toHaveBeenCalled();
  });

  it('is not asked for twice at once', async () => {
    await rig.comeInStep();
    const entry = await rig.lend();
    rig.leases.hold(entry, { isStreaming: () => true, cut: () => {} });
    await vi.advanceTimersByTimeAsync(dueMs);
    rig.renews[0]?.answer(renewed);
    await vi.advanceTimersByTimeAsync(dueMs);
    expect(rig.renews.length).toBe(2);
    rig.leases.inHand('c1', rig.clock.now());
    expect(rig.renews.length).toBe(2);
  });

  it('ends with the last thing that needs the lease', async () => {
    const stream = await rig.comeInStep();
    const entry = await rig.lend();
    const over = rig.leases.hold(entry, { isStreaming: () => true, cut: () => {} });
    stream.answersWith = undefined;
    await vi.advanceTimersByTimeAsync(3_000);
    over();
    await vi.advanceTimersByTimeAsync(dueMs);
    expect(rig.renews).toEqual([]);
  });

  it('that fails is tried again until the lease runs out, and then what is in flight is cut', async () => {
    await rig.comeInStep();
    const entry = await rig.lend();
    const cut = vi.fn();
    rig.leases.hold(entry, { isStreaming: () => true, cut });
    await vi.advanceTimersByTimeAsync(dueMs);
    for (let second = 0; second < 20; second += 1) {
      expect(cut).not.toHaveBeenCalled();
      rig.renews.at(-1)?.fail(new AppError('broker_unreachable', 'down'));
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(rig.renews.length).toBeGreaterThan(3);
    expect(rig.renews.length).toBeLessThan(12);
    expect(cut).toHaveBeenCalledOnce();
    expect(cut.mock.lastCall?.[0].code).toBe('lease_ended');
    expect(entry.secret.isWiped).toBe(true);
  });

  it('that does not come is not stretched for a stream by a sleep too short to fall out of step', async () => {
    await rig.comeInStep();
    const entry = await rig.lend('c1', { ttlMs: 5_000 });
    const cut = vi.fn();
    rig.leases.hold(entry, { isStreaming: () => true, cut });
    await vi.advanceTimersByTimeAsync(2_500);
    rig.clock.sleep(2_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(cut.mock.lastCall?.[0]).toMatchObject({ code: 'lease_ended' });
  });

  it('that the broker refuses for good ends the lease at once', async () => {
    await rig.comeInStep();
    const entry = await rig.lend();
    const cut = vi.fn();
    rig.leases.hold(entry, { isStreaming: () => true, cut });
    await vi.advanceTimersByTimeAsync(dueMs);
    rig.renews[0]?.fail(new AppError('lease_ended', 'over'));
    await settle();
    expect(cut).toHaveBeenCalledOnce();
    expect(entry.secret.isWiped).toBe(true);
    expect(rig.leases.size).toBe(0);
  });

  it('that is answered after a revocation does not bring the lease back', async () => {
    const stream = await rig.comeInStep();
    const entry = await rig.lend();
    await vi.advanceTimersByTimeAsync(dueMs);
    stream.on.revoked(revocation(6));
    const next = await rig.lend('c1', { leaseId: 'l2', issuedAtSeq: 6 });
    const { requestedAt } = next;
    rig.renews[0]?.answer(renewed);
    await settle();
    expect(rig.leases.refusal(entry, rig.clock.now())?.code).toBe('lease_revoked');
    expect(rig.leases.inHand('c1', rig.clock.now())).toBe(next);
    expect(next.requestedAt).toBe(requestedAt);
  });

  it.each([
    ['names another lease', { leaseId: 'l9' }],
    ['comes from another epoch', { epoch: 'e0' }],
    ['was decided on a log older than what was known', { issuedAtSeq: 4 }],
  ])('whose answer %s is thrown away', async (_, changes) => {
    await rig.comeInStep();
    const entry = await rig.lend();
    const { requestedAt } = entry;
    await vi.advanceTimersByTimeAsync(dueMs);
    rig.renews[0]?.answer({ ...renewed, ...changes });
    await settle();
    expect(entry.requestedAt).toBe(requestedAt);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(rig.leases.refusal(entry, rig.clock.now())?.code).toBe('lease_ended');
  });

  it('that is answered after the time was over brings nothing back', async () => {
    await rig.comeInStep();
    const entry = await rig.lend();
    await vi.advanceTimersByTimeAsync(60_000);
    rig.renews[0]?.answer({ ...renewed, ttlMs: 3_600_000 });
    await settle();
    expect(rig.leaseEvents.some((event) => event.kind === 'renewed')).toBe(false);
    expect(rig.leases.refusal(entry, rig.clock.now())?.code).toBe('lease_ended');
  });
});
