import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ConfirmationProgress } from '../../ports/use-cases.ts';
import { createConfirmations } from './confirmations.ts';
import { createRoster } from './roster.ts';
import { createStage, type Stage } from './stage.suite.ts';
import { createSubscriber } from './subscriber.ts';

let stage: Stage;

beforeEach(() => {
  vi.useFakeTimers();
  stage = createStage();
});

afterEach(() => {
  stage.close();
  vi.useRealTimers();
});

const pass = async (ms: number) => {
  stage.nowMs += ms;
  await vi.advanceTimersByTimeAsync(ms);
};

interface Following {
  readonly lines: string[];
  readonly end: AbortController;
  readonly over: Promise<void>;
}

/** Commits, and collects what following it yields. */
function revoke(): Following {
  const seq = stage.log.commit();
  stage.notify();
  const receipt = { head: { epoch: 'e1', seq }, committedAt: stage.nowMs };
  return collect((ended) => stage.hub.confirmations('t1', receipt, ended));
}

/** `confirmed of total outstanding…` for each step, with `.` once done. */
function collect(follow: (ended: AbortSignal) => AsyncIterable<ConfirmationProgress>): Following {
  const end = new AbortController();
  const lines: string[] = [];
  const line = ({ confirmed, total, outstanding, done }: ConfirmationProgress) =>
    [`${confirmed.map(({ instance, afterMs }) => `${instance}:${afterMs}`)} of ${total}`, ...outstanding].join(' ') + (done ? '.' : '');
  const over = (async () => {
    for await (const progress of follow(end.signal)) lines.push(line(progress));
  })();
  return { lines, end, over };
}

test('it ends as soon as every sidecar has confirmed', async () => {
  const [one, two] = [stage.join(), stage.join()];
  stage.join({ tenantId: 't2', agentId: 'a2' });
  await pass(0);
  const { lines, over } = revoke();
  await pass(20);
  two.applied(1);
  await pass(50);
  one.applied(1);
  await over;
  expect(lines).toEqual([' of 2 pod-1 pod-2', 'pod-2:20 of 2 pod-1', 'pod-2:20,pod-1:70 of 2.']);
});

test('of a crowd each is named once while it confirms, and all at the end; a step tells of many', async () => {
  const crowd = Array.from({ length: 1_000 }, () => stage.join());
  await pass(0);
  const seq = stage.log.commit();
  stage.notify();
  const receipt = { head: { epoch: 'e1', seq }, committedAt: stage.nowMs };
  const steps: ConfirmationProgress[] = [];
  const over = (async () => {
    for await (const step of stage.hub.confirmations('t1', receipt, new AbortController().signal)) steps.push(step);
  })();
  for (const one of crowd) {
    await pass(1);
    one.applied(seq);
  }
  await over;
  expect(steps.length).toBeLessThan(30);
  const last = steps.pop();
  expect(last).toMatchObject({ done: true, total: 1_000, confirmedCount: 1_000, outstanding: [] });
  expect(last?.confirmed).toHaveLength(1_000);
  const named = steps.flatMap(({ confirmed }) => confirmed.map(({ instance }) => instance));
  expect(new Set(named).size).toBe(named.length);
  expect(Math.max(...steps.map(({ outstanding }) => outstanding.length))).toBeLessThanOrEqual(10);
});

test('what was sent is not confirmed yet, however late somebody asks', async () => {
  const one = stage.join();
  await pass(0);
  const seq = stage.log.commit();
  stage.notify();
  await pass(20);
  const receipt = { head: { epoch: 'e1', seq }, committedAt: stage.nowMs };
  const { lines, over } = collect((ended) => stage.hub.confirmations('t1', receipt, ended));
  await pass(10);
  expect(lines).toEqual([' of 1 pod-1']);
  one.applied(seq);
  await over;
  expect(lines.at(-1)).toBe('pod-1:10 of 1.');
});

test('it ends at max_staleness, and names those who closed themselves', async () => {
  const one = stage.join();
  stage.join();
  await pass(0);
  const { lines, over } = revoke();
  await pass(20);
  one.applied(1);
  await pass(2_979);
  expect(lines).toHaveLength(2);
  await pass(1);
  await over;
  expect(lines).toEqual([' of 2 pod-1 pod-2', 'pod-1:20 of 2 pod-2', 'pod-1:20 of 2 pod-2.']);
});

test('a sidecar that left lately counts as outstanding; one that left longer ago than max_staleness has closed itself', async () => {
  const [long, lately] = [stage.join(), stage.join()];
  await pass(0);
  long.leave();
  await pass(2_000);
  lately.leave();
  await pass(1_000);
  const { lines, over } = revoke();
  await pass(3_000);
  await over;
  expect(lines).toEqual([' of 1 pod-2', ' of 1 pod-2.']);
});

test('a sidecar that comes back and catches up confirms', async () => {
  const who = { instanceId: 'same', instanceName: 'pod-x' };
  const before = stage.join(who);
  await pass(0);
  before.leave();
  const { lines, over } = revoke();
  const again = stage.join(who, { epoch: 'e1', seq: 0 });
  await pass(100);
  again.applied(1);
  await over;
  expect(lines).toEqual([' of 1 pod-x', 'pod-x:100 of 1.']);
});

test('a sidecar that comes back with nothing in hand has nothing left to purge', async () => {
  const who = { instanceId: 'same', instanceName: 'pod-x' };
  const before = stage.join(who);
  await pass(0);
  before.leave();
  const { lines, over } = revoke();
  stage.join(who);
  await pass(100);
  stage.join().leave();
  await over;
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatch(/^pod-x:\d+ of 1\.$/);
});

test('without sidecars it is done at once', async () => {
  const { lines, over } = revoke();
  await over;
  expect(lines).toEqual([' of 0.']);
});

test('a broker that was started anew is not done before those who were in step with the one before it have closed themselves', async () => {
  stage.close();
  stage = createStage({ forebearsMs: 3_000 });
  await pass(1_000);
  const one = stage.join();
  await pass(0);
  const { lines, over } = revoke();
  await pass(10);
  one.applied(1);
  await pass(1_989);
  expect(lines).toEqual([' of 1 pod-1', 'pod-1:10 of 1']);
  await pass(1);
  await over;
  expect(lines.at(-1)).toBe('pod-1:10 of 1.');
  const later = revoke();
  await pass(0);
  one.applied(2);
  await later.over;
  expect(later.lines.at(-1)).toBe('pod-1:0 of 1.');
});

test('where the broker before allowed more, it is waited for as long as that', async () => {
  stage.close();
  stage = createStage({ forebearsMs: 30_000 });
  const { lines, over } = revoke();
  await pass(29_999);
  expect(lines).toEqual([' of 0']);
  await pass(1);
  await over;
  expect(lines).toEqual([' of 0', ' of 0.']);
});

test('a sidecar is not called closed too early by a broker whose clock is ahead of the database’s', async () => {
  stage.join();
  await pass(0);
  const seq = stage.log.commit();
  const receipt = { head: { epoch: 'e1', seq }, committedAt: stage.nowMs - 2_000 };
  const { lines, over } = collect((ended) => stage.hub.confirmations('t1', receipt, ended));
  await pass(2_999);
  expect(lines).toEqual([' of 1 pod-1']);
  await pass(1);
  await over;
  expect(lines.at(-1)).toBe(' of 1 pod-1.');
});

test('whoever stops listening leaves nothing behind', async () => {
  stage.join();
  await pass(0);
  const timers = vi.getTimerCount();
  const { lines, end, over } = revoke();
  await pass(10);
  end.abort();
  await over;
  expect(lines).toEqual([' of 1 pod-1']);
  expect(vi.getTimerCount()).toBe(timers);
});

describe('of everything', () => {
  // A tenant's log begins with its first look.
  beforeEach(() => void stage.log.head('t2'));

  const killAll = () => {
    for (const tenantId of ['t1', 't2']) stage.log.commit(tenantId, { scope: 'tenant', ids: [tenantId], reason: 'killed' });
    stage.notify();
    return collect((ended) => stage.hub.confirmationsOfAll(stage.nowMs, ended));
  };

  test('sidecars of all tenants are one count, and it ends when the last has confirmed', async () => {
    const [one, two] = [stage.join(), stage.join({ tenantId: 't2', agentId: 'a2' })];
    await pass(0);
    const { lines, over } = killAll();
    await pass(20);
    two.applied(1);
    await pass(50);
    one.applied(1);
    await over;
    expect(lines).toEqual([' of 2 pod-1 pod-2', 'pod-2:20 of 2 pod-1', 'pod-2:20,pod-1:70 of 2.']);
  });

  test('one that left lately counts in whichever tenant it was, and is closed by the bound', async () => {
    const gone = stage.join({ tenantId: 't2', agentId: 'a2' });
    stage.join();
    await pass(0);
    gone.leave();
    const { lines, over } = killAll();
    await pass(0);
    await pass(3_000);
    await over;
    expect(lines.at(-1)).toBe(' of 2 pod-2 pod-1.');
  });

  test('it waits for what was committed before it was asked, and not for what another tenant commits later', async () => {
    const one = stage.join();
    await pass(0);
    const { lines, over } = killAll();
    await pass(10);
    stage.log.commit('t1');
    stage.notify();
    await pass(0);
    one.applied(1);
    await over;
    expect(lines.at(-1)).toBe('pod-1:10 of 1.');
  });

  test('a store that can not be read is an error, not a confirmation', async () => {
    stage.join();
    await pass(0);
    stage.log.before = async () => {
      throw new Error('no store');
    };
    await expect(collect((ended) => stage.hub.confirmationsOfAll(stage.nowMs, ended)).over).rejects.toThrow('no store');
  });
});

test('INV-4, INV-6: who confirms what came before it has not confirmed it', async () => {
  const one = stage.join();
  await pass(0);
  stage.log.commit();
  const { lines, over } = revoke();
  await pass(20);
  one.applied(1);
  await pass(100);
  expect(lines).toEqual([' of 1 pod-1']);
  one.applied(2);
  await over;
  expect(lines).toEqual([' of 1 pod-1', 'pod-1:120 of 1.']);
});

test('INV-4: it is not over before those have closed themselves who left and had to be forgotten', async () => {
  const clock = { now: () => ({ monoMs: stage.nowMs, wallMs: stage.nowMs }) };
  const roster = createRoster({ clock, maxStalenessMs: 3_000, maxDeparted: 1 });
  const confirmations = createConfirmations({ roster, clock, maxStalenessMs: 3_000, forebearsMs: 0 });
  for (const n of [1, 2]) {
    const subscriber = createSubscriber({
      caller: { tenantId: 't1', agentId: 'a1', tokenVersion: 1, expiresAt: 1e15, instanceId: `i${n}`, instanceName: `pod-${n}` },
      start: undefined,
      sink: { send: () => true, end: () => {} },
      connectedAt: clock.now(),
      onEnd: () => {},
      onFault: () => {},
    });
    subscriber.greet({ kind: 'hello', epoch: 'e1', cursorSeq: 1, headSeq: 1, pingIntervalMs: 1_000, maxStalenessMs: 3_000 });
    roster.join(subscriber);
    roster.leave(subscriber);
  }
  await pass(1_000);
  // The one that is remembered has applied it; of the other nobody knows.
  const heads = new Map([['t1', { epoch: 'e1', seq: 1 }]]);
  const { lines, over } = collect((ended) => confirmations.follow(heads, stage.nowMs, ended));
  await pass(1_999);
  expect(lines.some((line) => line.endsWith('.'))).toBe(false);
  await pass(1);
  await over;
  expect(lines.at(-1)).toMatch(/^pod-2:0 of 1\.$/);
});

test('a clock of the database that is far from ours moves no time out of its bounds', async () => {
  stage.join();
  await pass(0);
  for (const skewMs of [-3_600_000, 3_600_000]) {
    const steps: ConfirmationProgress[] = [];
    const receipt = { head: { epoch: 'e1', seq: 0 }, committedAt: stage.nowMs + skewMs };
    for await (const step of stage.hub.confirmations('t1', receipt, new AbortController().signal)) steps.push(step);
    expect(steps.at(-1)?.elapsedMs).toBeGreaterThanOrEqual(0);
    expect(steps.at(-1)?.elapsedMs).toBeLessThanOrEqual(3_000);
  }
});
