import { afterEach, beforeEach, describe, expect, it, type Mock, vi } from 'vitest';
import { createRig, type Rig, revocation, type ScriptedStream, settle } from './scripted-broker.suite.ts';

let rig: Rig;
let stream: ScriptedStream;
beforeEach(async () => {
  vi.useFakeTimers();
  rig = createRig();
  stream = await rig.comeInStep();
});
afterEach(() => {
  rig.stop();
  vi.useRealTimers();
});

const codes = (cut: Mock): unknown[] => cut.mock.calls.map(([why]) => why.code);

async function holdBoth(credentialId = 'c1'): Promise<{ request: Mock; sse: Mock; over: () => void }> {
  const entry = await rig.lend(credentialId, { leaseId: `lease-${credentialId}` });
  const request = vi.fn();
  const sse = vi.fn();
  rig.leases.hold(entry, { isStreaming: () => false, cut: request });
  const over = rig.leases.hold(entry, { isStreaming: () => true, cut: sse });
  return { request, sse, over };
}

describe('a revocation', () => {
  it('cuts requests and streams under what it covers, in the very tick, and nothing else', async () => {
    const one = await holdBoth('c1');
    const two = await holdBoth('c2');
    stream.on.revoked(revocation(6, { ids: ['c1'] }));
    expect(codes(one.request)).toEqual(['lease_revoked']);
    expect(codes(one.sse)).toEqual(['lease_revoked']);
    expect(codes(two.request)).toEqual([]);
    expect(codes(two.sse)).toEqual([]);
    expect(rig.leases.inFlight).toBe(2);
  });

  it('is confirmed only after everything is wiped and cut', async () => {
    await holdBoth();
    stream.on.revoked(revocation(6));
    expect(rig.order).toEqual(['ended revoked', 'cut lease_revoked', 'cut lease_revoked', 'applied 6']);
  });

  it('goes through though somebody fails to be cut', async () => {
    const entry = await rig.lend();
    const cut = vi.fn();
    rig.leases.hold(entry, {
      isStreaming: () => true,
      cut: () => {
        throw new Error('bug');
      },
    });
    rig.leases.hold(entry, { isStreaming: () => true, cut });
    stream.on.revoked(revocation(6));
    expect(codes(cut)).toEqual(['lease_revoked']);
    expect(stream.applied).toEqual([6]);
  });

  it('does not cut what is over', async () => {
    const { sse, over } = await holdBoth();
    over();
    over();
    stream.on.revoked(revocation(6));
    expect(sse).not.toHaveBeenCalled();
    expect(rig.leases.inFlight).toBe(0);
  });
});

describe('the end of the time', () => {
  it('cuts streams as well as requests', async () => {
    const { request, sse } = await holdBoth();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(codes(request)).toEqual(['lease_ended']);
    expect(codes(sse)).toEqual(['lease_ended']);
  });
});

describe('falling out of step', () => {
  it('cuts requests at max_staleness and streams after their grace', async () => {
    const { request, sse } = await holdBoth();
    stream.answersWith = undefined;
    await vi.advanceTimersByTimeAsync(2_999);
    expect(codes(request)).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(codes(request)).toEqual(['out_of_step']);
    await vi.advanceTimersByTimeAsync(9_999);
    expect(codes(sse)).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(codes(sse)).toEqual(['out_of_step']);
  });

  it('cuts streams at once when there is no grace', async () => {
    rig.stop();
    rig = createRig({ streamGraceMs: 0 });
    stream = await rig.comeInStep();
    const { sse } = await holdBoth();
    stream.answersWith = undefined;
    await vi.advanceTimersByTimeAsync(3_000);
    expect(codes(sse)).toEqual(['out_of_step']);
  });

  it('spares a stream when the sidecar is in step again within the grace, though its secret is gone', async () => {
    const { sse } = await holdBoth();
    stream.answersWith = undefined;
    await vi.advanceTimersByTimeAsync(3_000);
    expect(rig.leases.size).toBe(0);
    await resume(5);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(codes(sse)).toEqual([]);
  });

  it('does not spare a stream that a revocation missed meanwhile covers', async () => {
    const { sse } = await holdBoth();
    stream.answersWith = undefined;
    await vi.advanceTimersByTimeAsync(3_000);
    const next = await resume(undefined);
    next.on.revoked(revocation(6));
    expect(codes(sse)).toEqual(['lease_revoked']);
  });

  it('by a reset cuts streams at once: nobody can know any more what was revoked', async () => {
    const { request, sse } = await holdBoth();
    stream.on.reset('log truncated');
    expect(codes(request)).toEqual(['out_of_step']);
    expect(codes(sse)).toEqual(['out_of_step']);
  });

  it('while asleep leaves a stream no more grace than the sleep has left', async () => {
    const { request, sse } = await holdBoth();
    rig.clock.sleep(30_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(codes(request)).toEqual(['out_of_step']);
    expect(codes(sse)).toEqual(['out_of_step']);
  });

  it('and asleep during the grace ends the grace on waking up', async () => {
    const { sse } = await holdBoth();
    stream.answersWith = undefined;
    await vi.advanceTimersByTimeAsync(4_000);
    rig.clock.sleep(10_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(codes(sse)).toEqual(['out_of_step']);
  });

  it.each([
    ['on waking up', false],
    ['on being in step again', true],
  ])('ends leases whose time was over during a sleep %s, whatever grace is left', async (_, isBack) => {
    rig.stop();
    rig = createRig({ streamGraceMs: 600_000 });
    stream = await rig.comeInStep();
    const { sse } = await holdBoth();
    stream.answersWith = undefined;
    if (isBack) await vi.advanceTimersByTimeAsync(3_500);
    rig.clock.sleep(60_000);
    if (isBack) await resume(5);
    else await vi.advanceTimersByTimeAsync(1_000);
    expect(codes(sse)).toEqual(['lease_ended']);
  });

  async function resume(answersWith: number | undefined): Promise<ScriptedStream> {
    await vi.advanceTimersByTimeAsync(1_500);
    const next = rig.streams.at(-1);
    if (next === undefined || next === stream) throw new Error('no new stream');
    next.answersWith = answersWith;
    next.on.hello({ agentId: 'me', agentName: 'dev', epoch: 'e1', cursorSeq: 5, headSeq: 5, pingIntervalMs: 1_000, maxStalenessMs: 3_000 });
    await settle();
    return next;
  }
});

describe('taking hold of a lease that is dead already', () => {
  it('is cut, after the caller got the function that says it is over', async () => {
    const entry = await rig.lend();
    stream.on.revoked(revocation(6));
    const cut = vi.fn();
    rig.leases.hold(entry, { isStreaming: () => true, cut });
    expect(cut).not.toHaveBeenCalled();
    await settle();
    expect(codes(cut)).toEqual(['lease_revoked']);
    expect(rig.leases.inFlight).toBe(0);
  });

  it('is not cut when it was over by then', async () => {
    const entry = await rig.lend();
    stream.on.revoked(revocation(6));
    const cut = vi.fn();
    rig.leases.hold(entry, { isStreaming: () => true, cut })();
    await settle();
    expect(cut).not.toHaveBeenCalled();
  });
});
