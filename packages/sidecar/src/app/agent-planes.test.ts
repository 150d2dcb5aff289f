import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPlanesRig, limits, type PlanesRig, settle } from './agent-planes.suite.ts';

let rig: PlanesRig;
beforeEach(() => {
  vi.useFakeTimers();
  rig = createPlanesRig();
});
afterEach(async () => {
  await rig.planes.close();
  vi.useRealTimers();
});

describe('planes', () => {
  it('a plane whose token the broker does not take any more is stopped, and its token refused', async () => {
    await rig.prove('alice', 'old');
    rig.started[0]?.refuse();
    expect([rig.started[0]?.isStopped, rig.letGo]).toEqual([true, ['alice refused']]);
    expect(await rig.ask({ token: 'old' })).toBe('identity_invalid');
    expect(await rig.prove('alice', 'new')).toBe('alice');
    expect([rig.asked.length, rig.planes.size]).toEqual([2, 1]);
  });

  it('a newer token of an agent ends what the older one opened', async () => {
    await rig.prove('alice', 'old');
    await rig.prove('alice', 'new');
    expect([rig.started[0]?.isStopped, rig.started[1]?.isStopped, rig.letGo]).toEqual([true, false, ['alice replaced']]);
    expect(rig.planes.size).toBe(1);
  });

  it('one that nobody uses is let go, one that is busy is not, and a use counts', async () => {
    await rig.prove('alice');
    await rig.prove('bob');
    const [alice, bob] = rig.started;
    if (alice === undefined || bob === undefined) throw new Error('not started');
    bob.isIdle = false;
    await vi.advanceTimersByTimeAsync(limits.idleMs / 2);
    await rig.ask({ token: 'alice' });
    await vi.advanceTimersByTimeAsync(limits.idleMs / 2 + 1_000);
    expect(rig.letGo).toEqual([]);
    await vi.advanceTimersByTimeAsync(limits.idleMs);
    expect([rig.letGo, alice.isStopped, bob.isStopped]).toEqual([['alice idle'], true, false]);
    bob.isIdle = true;
  });

  it('when there are as many as there may be, the one that was idle for longest makes room, and without one the newcomer is refused', async () => {
    await rig.prove('alice');
    await vi.advanceTimersByTimeAsync(10);
    await rig.prove('bob');
    await rig.prove('carol');
    expect([rig.letGo, rig.planes.size]).toEqual([['alice evicted'], limits.maxAgents]);
    for (const plane of rig.started) plane.isIdle = false;
    expect(await rig.prove('dave')).toBe('overloaded');
    expect(rig.planes.size).toBe(limits.maxAgents);
  });

  it('one whose first request still waits for its routes is not idle, and makes room for nobody', async () => {
    await rig.prove('alice');
    for (const plane of rig.started) plane.isIdle = false;
    rig.isSettling = false;
    const bob = rig.prove('bob');
    await settle();
    expect(await rig.prove('carol')).toBe('overloaded');
    for (const plane of rig.started) plane.settle();
    await bob;
    expect([rig.letGo, rig.started.filter(({ isStopped }) => isStopped)]).toEqual([[], []]);
  });

  it('closing stops all of them, and nobody is let in afterwards', async () => {
    await rig.prove('alice');
    const late = rig.ask({ token: 'bob' });
    await rig.planes.close();
    rig.asked.at(-1)?.answer('bob');
    expect(await late).toBe('overloaded');
    expect([rig.started.length, rig.started[0]?.isStopped, rig.planes.size]).toEqual([1, true, 0]);
  });
});
