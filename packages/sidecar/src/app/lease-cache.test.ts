import { AppError } from '@leasehold/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LeaseEntry } from '../domain/lease-entry.ts';
import { createLeaseCache } from './lease-cache.ts';
import { createRig, hello, issued, type Rig, revocation, settle } from './scripted-broker.suite.ts';

let rig: Rig;
beforeEach(() => {
  vi.useFakeTimers();
  rig = createRig();
});
afterEach(() => {
  rig.stop();
  vi.useRealTimers();
});

const denied = new AppError('no_grant', 'no grant');
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'lent',
    (why: unknown) => AppError.from(why).code,
  );

/** Borrows another in the place of one that is old enough. */
async function replace(first: LeaseEntry): Promise<LeaseEntry> {
  await vi.advanceTimersByTimeAsync(1_000);
  const borrowed = rig.leases.borrow('c1', first);
  await settle();
  rig.acquires[1]?.answer(issued({ leaseId: 'l2' }));
  return borrowed;
}

describe('borrowing', () => {
  it('asks the broker once for all who wait, and afterwards not at all', async () => {
    await rig.comeInStep();
    const all = [rig.leases.borrow('c1'), rig.leases.borrow('c1'), rig.leases.borrow('c1')];
    await settle();
    expect(rig.acquires.map((ask) => ask.id)).toEqual(['c1']);
    rig.acquires[0]?.answer(issued());
    const [first, second] = await Promise.all(all);
    expect(second).toBe(first);
    expect(await rig.leases.borrow('c1')).toBe(first);
    expect(rig.leases.inHand('c1', rig.clock.now())).toBe(first);
    expect(rig.acquires.length).toBe(1);
  });

  it('lets only so many wait for one answer', async () => {
    await rig.comeInStep();
    const waiting = [1, 2, 3].map(() => rig.leases.borrow('c1'));
    expect(await codeOf(rig.leases.borrow('c1'))).toBe('overloaded');
    rig.acquires[0]?.answer(issued());
    await Promise.all(waiting);
  });

  it('counts the time of a lease from before the question was sent', async () => {
    await rig.comeInStep();
    const before = rig.clock.now();
    const borrowed = rig.leases.borrow('c1');
    await vi.advanceTimersByTimeAsync(1_500);
    rig.acquires[0]?.answer(issued());
    expect((await borrowed).requestedAt).toEqual(before);
  });

  it('remembers no denial, and yet does not let an agent flood the broker', async () => {
    await rig.comeInStep();
    const refused = codeOf(rig.leases.borrow('c1'));
    await settle();
    rig.acquires[0]?.fail(denied);
    expect(await refused).toBe('no_grant');
    const again = rig.leases.borrow('c1');
    await vi.advanceTimersByTimeAsync(199);
    expect(rig.acquires.length).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    rig.acquires[1]?.answer(issued());
    expect((await again).leaseId).toBe('l1');
  });

  it('asks the broker though a lease is in hand, when that one will not do; the new one is in hand from then on', async () => {
    await rig.comeInStep();
    const first = await rig.lend('c1');
    const second = await replace(first);
    expect(second.leaseId).toBe('l2');
    expect(rig.leases.inHand('c1', rig.clock.now())).toBe(second);
    expect(await rig.leases.borrow('c1', first)).toBe(second);
  });

  it('takes no lease for a new one because it was renewed', async () => {
    await rig.comeInStep();
    const first = await rig.lend('c1');
    await vi.advanceTimersByTimeAsync(40_000);
    rig.renews[0]?.answer({ leaseId: 'l1', ttlMs: 60_000, epoch: 'e1', issuedAtSeq: 5 });
    await vi.advanceTimersByTimeAsync(500);
    const borrowed = rig.leases.borrow('c1', first);
    await settle();
    rig.acquires[1]?.answer(issued({ leaseId: 'l2' }));
    expect((await borrowed).leaseId).toBe('l2');
  });

  it('asks for no other lease in the place of one that is new', async () => {
    await rig.comeInStep();
    const first = await rig.lend('c1');
    await vi.advanceTimersByTimeAsync(999);
    expect(await rig.leases.borrow('c1', first)).toBe(first);
    expect(rig.acquires.length).toBe(1);
  });

  it('is refused at once when out of step with no stream being set up', async () => {
    expect(await codeOf(rig.leases.borrow('c1'))).toBe('out_of_step');
    expect(rig.acquires).toEqual([]);
  });

  it('waits for the first step while a stream is being set up, and not for ever', async () => {
    const early = rig.leases;
    const stream = rig.comeInStep();
    const borrowed = early.borrow('c1');
    await stream;
    await settle();
    rig.acquires[0]?.answer(issued());
    expect((await borrowed).leaseId).toBe('l1');
  });

  it('lets only so many wait for the first step', async () => {
    rig.standing.establish(true);
    const waiting = [1, 2, 3].map(() => codeOf(rig.leases.borrow('c1')));
    expect(await codeOf(rig.leases.borrow('c1'))).toBe('overloaded');
    rig.standing.establish(false);
    expect(await Promise.all(waiting)).toEqual(['out_of_step', 'out_of_step', 'out_of_step']);
  });

  it('asks for nothing when the sidecar fell out of step before its turn came', async () => {
    const stream = await rig.comeInStep();
    stream.answersWith = undefined;
    const refused = codeOf(rig.leases.borrow('c1'));
    await vi.advanceTimersByTimeAsync(2_900);
    rig.acquires[0]?.fail(denied);
    await refused;
    const late = codeOf(rig.leases.borrow('c1'));
    await vi.advanceTimersByTimeAsync(200);
    expect(await late).toBe('out_of_step');
    expect(rig.acquires.length).toBe(1);
  });

  it('gives up waiting for a stream that does not come to life', async () => {
    rig.standing.establish(true);
    const refused = codeOf(rig.leases.borrow('c1'));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await refused).toBe('out_of_step');
  });

  it('fails as soon as setting up the stream fails', async () => {
    rig.standing.establish(true);
    const refused = codeOf(rig.leases.borrow('c1'));
    rig.standing.establish(false);
    expect(await refused).toBe('out_of_step');
  });
});

describe('a lease that another took the place of', () => {
  it('is wiped and given back at once when nothing goes out under it', async () => {
    await rig.comeInStep();
    const first = await rig.lend('c1');
    await replace(first);
    expect([first.secret.isWiped, rig.released]).toEqual([true, ['l1']]);
  });

  it('may be used by what waits under it; then it is wiped and given back', async () => {
    await rig.comeInStep();
    const first = await rig.lend('c1');
    const letGo = rig.leases.hold(first, { isStreaming: () => false, cut: () => undefined });
    await replace(first);
    expect([rig.leases.refusal(first, rig.clock.now()), first.secret.isWiped, rig.released]).toEqual([undefined, false, []]);
    letGo();
    expect([first.secret.isWiped, rig.released]).toEqual([true, ['l1']]);
  });

  it.each([
    ['revoked', () => rig.leases.purge(revocation(6)), 'lease_revoked'],
    ['out of step', () => rig.leases.purgeAll(), 'out_of_step'],
  ] as const)('is wiped, and what waits under it cut, when it is %s', async (_, end, code) => {
    await rig.comeInStep();
    const first = await rig.lend('c1');
    const cuts: string[] = [];
    rig.leases.hold(first, { isStreaming: () => false, cut: (why) => void cuts.push(why.code) });
    await replace(first);
    end();
    expect([first.secret.isWiped, cuts, rig.released]).toEqual([true, [code], []]);
  });

  it('is wiped within max_staleness when the broker falls silent, though something still streams under it', async () => {
    const stream = await rig.comeInStep();
    const first = await rig.lend('c1');
    const letGo = rig.leases.hold(first, { isStreaming: () => true, cut: () => undefined });
    await replace(first);
    stream.answersWith = undefined;
    await vi.advanceTimersByTimeAsync(3_000);
    expect([first.secret.isWiped, rig.released]).toEqual([true, []]);
    letGo();
    expect(rig.released).toEqual(['l1']);
  });
});

describe('an answer that comes late', () => {
  it('is not believed though the same log is followed again after a reset: what happened between is not known', async () => {
    const stream = await rig.comeInStep();
    const refused = codeOf(rig.leases.borrow('c1'));
    await settle();
    stream.on.reset('queue overflow');
    await vi.advanceTimersByTimeAsync(500);
    const next = rig.streams[1];
    next?.on.hello({ ...hello, cursorSeq: 6, headSeq: 6 });
    next?.on.pong(next.pings[0] ?? 0, 6);
    expect(rig.standing.isInStep(rig.clock.now())).toBe(true);
    rig.acquires[0]?.answer(issued({ issuedAtSeq: 5 }));
    expect(await refused).toBe('out_of_step');
    expect(rig.leases.size).toBe(0);
  });

  it('is waited for with no more than the revocations since it was asked for', async () => {
    const stream = await rig.comeInStep();
    const borrowed = rig.leases.borrow('c1');
    await settle();
    stream.on.revoked(revocation(6, { ids: ['c9'] }));
    expect(rig.leases.tombstones).toBe(1);
    rig.acquires[0]?.answer(issued());
    await borrowed;
    expect(rig.leases.tombstones).toBe(0);
  });

  it('is wiped and asked for again when the credential was revoked meanwhile', async () => {
    const stream = await rig.comeInStep();
    const borrowed = rig.leases.borrow('c1');
    await settle();
    stream.on.revoked(revocation(6, { reason: 'rotated' }));
    const late = issued({ issuedAtSeq: 5 });
    rig.acquires[0]?.answer(late);
    await settle();
    expect(late.value.every((byte) => byte === 0)).toBe(true);
    expect(rig.leases.size).toBe(0);
    rig.acquires[1]?.answer(issued({ leaseId: 'l2', version: 2, issuedAtSeq: 6 }));
    expect((await borrowed).version).toBe(2);
  });

  it('is wiped and asked for again when its own time was over, so that the broker can say why', async () => {
    await rig.comeInStep();
    const refused = codeOf(rig.leases.borrow('c1'));
    await settle();
    const late = issued({ ttlMs: 0 });
    rig.acquires[0]?.answer(late);
    await settle();
    expect(late.value.every((byte) => byte === 0)).toBe(true);
    expect(rig.leases.size).toBe(0);
    rig.acquires[1]?.fail(new AppError('grant_expired', 'The grant has run out.'));
    expect(await refused).toBe('grant_expired');
  });

  it('is not asked for for ever when each answer is over on its way', async () => {
    await rig.comeInStep();
    const refused = codeOf(rig.leases.borrow('c1'));
    for (let n = 0; n < 3; n += 1) {
      await settle();
      rig.acquires[n]?.answer(issued({ ttlMs: 0 }));
    }
    expect(await refused).toBe('lease_ended');
    expect(rig.acquires.length).toBe(3);
  });

  it.each([
    ['asked for before a reset', (rig: Rig) => rig.streams[0]?.on.reset('epoch changed'), {}],
    ['of another epoch', () => {}, { epoch: 'e0' }],
    ['to a sidecar that is out of step', () => vi.advanceTimersByTimeAsync(3_000), {}],
  ] as const)('%s is wiped and not used', async (_, meanwhile, changes) => {
    const stream = await rig.comeInStep();
    stream.answersWith = undefined;
    const refused = codeOf(rig.leases.borrow('c1'));
    await settle();
    await meanwhile(rig);
    const late = issued(changes);
    rig.acquires[0]?.answer(late);
    expect(await refused).not.toBe('lent');
    expect(late.value.every((byte) => byte === 0)).toBe(true);
    expect(rig.leases.size).toBe(0);
  });

  it('after shutdown is wiped and not used', async () => {
    await rig.comeInStep();
    const refused = codeOf(rig.leases.borrow('c1'));
    await settle();
    await rig.leases.close();
    const late = issued();
    rig.acquires[0]?.answer(late);
    expect(await refused).toBe('overloaded');
    expect(late.value.every((byte) => byte === 0)).toBe(true);
  });
});

describe('what is held', () => {
  it('is refused, wiped and forgotten after a revocation, with its reason', async () => {
    const stream = await rig.comeInStep();
    const value = issued();
    const borrowed = rig.leases.borrow('c1');
    await settle();
    rig.acquires[0]?.answer(value);
    const entry = await borrowed;
    expect(rig.leases.refusal(entry, rig.clock.now())).toBeUndefined();
    stream.on.revoked(revocation(6));
    expect(rig.leases.refusal(entry, rig.clock.now())?.code).toBe('lease_revoked');
    expect(rig.leases.inHand('c1', rig.clock.now())).toBeUndefined();
    expect(value.value.every((byte) => byte === 0)).toBe(true);
  });

  it('stays when a revocation names others, or is older than it', async () => {
    const stream = await rig.comeInStep();
    const entry = await rig.lend('c1', { issuedAtSeq: 7 });
    stream.on.revoked(revocation(6));
    stream.on.revoked(revocation(7, { scope: 'agent', ids: ['somebody else'] }));
    stream.on.revoked(revocation(8, { ids: ['c2'] }));
    expect(rig.leases.inHand('c1', rig.clock.now())).toBe(entry);
    stream.on.revoked(revocation(9, { scope: 'agent', ids: ['me'] }));
    expect(rig.leases.inHand('c1', rig.clock.now())).toBeUndefined();
  });

  it('is wiped when its time is over, though nobody asks for it', async () => {
    await rig.comeInStep();
    const value = issued({ ttlMs: 10_000 });
    const borrowed = rig.leases.borrow('c1');
    await settle();
    rig.acquires[0]?.answer(value);
    await borrowed;
    await vi.advanceTimersByTimeAsync(9_999);
    expect(rig.leases.size).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(rig.leases.size).toBe(0);
    expect(value.value.every((byte) => byte === 0)).toBe(true);
  });

  it('is wiped within max_staleness when the broker falls silent, though nobody asks for it', async () => {
    const stream = await rig.comeInStep();
    const value = issued();
    const borrowed = rig.leases.borrow('c1');
    await settle();
    rig.acquires[0]?.answer(value);
    const entry = await borrowed;
    stream.answersWith = undefined;
    await vi.advanceTimersByTimeAsync(2_999);
    expect(rig.leases.inHand('c1', rig.clock.now())).toBe(entry);
    await vi.advanceTimersByTimeAsync(1);
    expect(value.value.every((byte) => byte === 0)).toBe(true);
    expect(rig.leases.refusal(entry, rig.clock.now())?.code).toBe('out_of_step');
    expect(rig.leases.refusal(entry, rig.clock.now())?.retryAfterS).toBe(1);
  });

  it('is refused on waking up from a sleep longer than max_staleness, before any timer has run', async () => {
    await rig.comeInStep();
    const entry = await rig.lend();
    rig.clock.sleep(30_000);
    expect(rig.leases.inHand('c1', rig.clock.now())).toBeUndefined();
    expect(rig.leases.refusal(entry, rig.clock.now())?.code).toBe('out_of_step');
  });

  it('is not kept longer by a wall clock that was set back', async () => {
    const stream = await rig.comeInStep();
    await rig.lend();
    stream.answersWith = undefined;
    rig.clock.stepWall(-3_600_000);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(rig.leases.size).toBe(0);
  });

  it('that lay idle since it had to be renewed gives way to a new one in its last moments', async () => {
    await rig.comeInStep();
    await rig.lend();
    await vi.advanceTimersByTimeAsync(45_000);
    rig.renews[0]?.answer({ leaseId: 'l1', ttlMs: 60_000, epoch: 'e1', issuedAtSeq: 5 });
    // Asked at 40 s: over at 100 s.
    await vi.advanceTimersByTimeAsync(53_001);
    expect(rig.leases.inHand('c1', rig.clock.now())).toBeUndefined();
    const fresh = await rig.lend('c1', { leaseId: 'l2' });
    expect([rig.leases.inHand('c1', rig.clock.now()), rig.released]).toEqual([fresh, ['l1']]);
  });

  it('that is in use goes on to its last moment, also where it can not be renewed', async () => {
    await rig.comeInStep();
    const entry = await rig.lend('c1', { ttlMs: 6_000 });
    await vi.advanceTimersByTimeAsync(4_500);
    rig.renews[0]?.fail(new AppError('overloaded', 'no'));
    await vi.advanceTimersByTimeAsync(1_499);
    expect(rig.leases.inHand('c1', rig.clock.now())).toBe(entry);
  });

  it('that is revoked for a rotation or a narrowing is told to be asked for again, for all else to be no use', async () => {
    const stream = await rig.comeInStep();
    const codes: (string | undefined)[] = [];
    for (const [n, reason] of (['rotated', 'narrowed', 'suspended', 'killed'] as const).entries()) {
      const entry = await rig.lend('c1', { leaseId: `l${n}`, issuedAtSeq: 5 + n });
      stream.on.revoked(revocation(6 + n, { reason }));
      const why = rig.leases.refusal(entry, rig.clock.now());
      codes.push(`${why?.code} ${why?.retryAfterS ?? '-'} ${/Try again/.test(why?.message ?? '')}`);
    }
    expect(codes).toEqual(['lease_ended 1 true', 'lease_ended 1 true', 'lease_revoked - true', 'lease_revoked - false']);
  });

  it('is given back when it makes room for another, and when its answer came too late to count', async () => {
    rig = createRig({ maxEntries: 1 });
    const stream = await rig.comeInStep();
    await rig.lend('c1', { leaseId: 'l1' });
    await rig.lend('c2', { leaseId: 'l2' });
    expect(rig.released).toEqual(['l1']);
    const late = codeOf(rig.leases.borrow('c3'));
    await settle();
    stream.on.reset('start over');
    rig.acquires.at(-1)?.answer(issued({ leaseId: 'l3' }));
    expect(await late).toBe('out_of_step');
    expect(rig.released).toContain('l3');
  });

  it('is bounded in number: the one used least is wiped', async () => {
    rig = createRig({ maxEntries: 2 });
    await rig.comeInStep();
    const first = await rig.lend('c1', { leaseId: 'l1' });
    await rig.lend('c2', { leaseId: 'l2' });
    await rig.lend('c3', { leaseId: 'l3' });
    expect(rig.leases.size).toBe(2);
    expect(first.secret.isWiped).toBe(true);
    expect(rig.leases.refusal(first, rig.clock.now())?.code).toBe('overloaded');
  });

  it('is given back and wiped at shutdown', async () => {
    await rig.comeInStep();
    const entry = await rig.lend();
    await rig.leases.close();
    expect(rig.released).toEqual(['l1']);
    expect(entry.secret.isWiped).toBe(true);
  });
});

describe('at shutdown', () => {
  it('all leases are given back, however many there are, each once', async () => {
    rig = createRig({ maxEntries: 1_500 });
    await rig.comeInStep();
    const ids = Array.from({ length: 1_001 }, (_, n) => `l${n}`);
    for (const id of ids) await rig.lend(`c-${id}`, { leaseId: id });
    await rig.leases.close();
    expect(rig.released.toSorted()).toEqual(ids.toSorted());
  });

  it('is over only once the broker has heard of what was given back', async () => {
    const heard = Promise.withResolvers<void>();
    await rig.comeInStep();
    const leases = createLeaseCache({
      broker: {
        acquire: async () => issued(),
        renew: async () => ({ leaseId: 'l1', ttlMs: 1, epoch: 'e1', issuedAtSeq: 5 }),
        release: () => heard.promise,
      },
      clock: rig.clock,
      standing: rig.standing,
      random: () => 0.5,
      maxEntries: 10,
      maxWaitersPerCredential: 3,
      pauseAfterFailureMs: 200,
      stepWaitMs: 3_000,
      streamGraceMs: 10_000,
      onEvent: () => undefined,
    });
    await leases.borrow('c1');
    let isClosed = false;
    const closed = leases.close().then(() => {
      isClosed = true;
    });
    await settle();
    expect(isClosed).toBe(false);
    heard.resolve();
    await closed;
    expect(isClosed).toBe(true);
  });
});

describe('an answer that is not kept is given back', () => {
  it('when it comes after the shutdown', async () => {
    await rig.comeInStep();
    const late = rig.leases.borrow('c1').catch(() => undefined);
    await settle();
    await rig.leases.close();
    rig.acquires[0]?.answer(issued({ leaseId: 'late' }));
    await late;
    expect(rig.released).toEqual(['late']);
  });

  it('when its own time was over as it came', async () => {
    await rig.comeInStep();
    void rig.leases.borrow('c1').catch(() => undefined);
    await settle();
    await vi.advanceTimersByTimeAsync(1_000);
    rig.acquires[0]?.answer(issued({ leaseId: 'late', ttlMs: 1_000 }));
    await settle();
    expect(rig.released).toEqual(['late']);
  });
});

describe('tombstones', () => {
  it('are kept for a renewal that is open, and for none that was answered', async () => {
    const stream = await rig.comeInStep();
    await rig.lend();
    await vi.advanceTimersByTimeAsync(45_000);
    expect(rig.renews).toHaveLength(1);
    stream.on.revoked(revocation(6, { ids: ['another'] }));
    stream.answersWith = 6;
    expect(rig.leases.tombstones).toBe(1);
    rig.renews[0]?.answer({ leaseId: 'l1', ttlMs: 60_000, epoch: 'e1', issuedAtSeq: 6 });
    await settle();
    stream.on.revoked(revocation(7, { ids: ['another'] }));
    expect(rig.leases.tombstones).toBe(0);
  });
});

describe('the end of a lease', () => {
  it('is seen within a second of waking up, though the machine slept too short a time to fall out of step', async () => {
    await rig.comeInStep();
    const entry = await rig.lend();
    const cut = vi.fn();
    rig.leases.hold(entry, { isStreaming: () => true, cut });
    await vi.advanceTimersByTimeAsync(58_000);
    expect(cut).not.toHaveBeenCalled();
    rig.clock.sleep(1_500);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(cut).toHaveBeenCalledTimes(1);
    expect(entry.secret.isWiped).toBe(true);
  });
});
