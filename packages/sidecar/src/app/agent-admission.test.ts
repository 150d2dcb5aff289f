import { AppError } from '@leasehold/core';
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

describe('proof', () => {
  it('asks the broker once for all who wait, and afterwards not at all', async () => {
    const first = rig.ask({ token: 'a' });
    const second = rig.ask({ token: 'a' });
    expect(rig.asked.map(({ token }) => token)).toEqual(['a']);
    rig.asked[0]?.answer('alice');
    await settle();
    expect(rig.started[0]?.handled).toBe(2);
    await Promise.all([first, second]);
    expect(await rig.ask({ token: 'a' })).toBe('alice');
    expect([rig.asked.length, rig.started.length]).toEqual([1, 1]);
  });

  it('lets only so many wait for one proof', async () => {
    const all = [1, 2, 3].map(() => rig.ask({ token: 'a' }));
    expect(await rig.ask({ token: 'a' })).toBe('overloaded');
    rig.asked[0]?.answer('alice');
    await settle();
    await Promise.all(all);
    expect(rig.started[0]?.handled).toBe(3);
  });

  it('holds the first request until its plane knows its routes', async () => {
    rig.isSettling = false;
    const first = rig.ask({ token: 'a' });
    rig.asked[0]?.answer('alice');
    await settle();
    expect(rig.started[0]?.handled).toBe(0);
    rig.started[0]?.settle();
    await settle();
    expect(await first).toBe('alice');
  });

  it('says that it has held when it has, at once where it is known, and never when it has not', async () => {
    const held: string[] = [];
    const first = rig.ask({ token: 'a', onProven: () => held.push('first') });
    expect(held).toEqual([]);
    rig.asked[0]?.answer('alice');
    await first;
    await rig.ask({ token: 'a', onProven: () => held.push('second') });
    const wrong = rig.ask({ token: 'x', onProven: () => held.push('wrong') });
    rig.asked[1]?.fail(new AppError('identity_invalid', 'no'));
    await wrong;
    expect(held).toEqual(['first', 'second']);
  });

  it('refuses a request without any, and asks nobody', async () => {
    expect(await rig.ask({})).toBe('identity_missing');
    expect(rig.asked).toEqual([]);
  });

  it('remembers a refused token for a moment, and an absent broker not at all', async () => {
    const refused = rig.ask({ token: 'x' });
    rig.asked[0]?.fail(new AppError('identity_invalid', 'whatever the broker says'));
    expect(await refused).toBe('identity_invalid');
    expect(await rig.ask({ token: 'x' })).toBe('identity_invalid');
    expect(rig.asked.length).toBe(1);
    await vi.advanceTimersByTimeAsync(limits.rememberRefusedMs + 1);
    const again = rig.ask({ token: 'x' });
    rig.asked[1]?.fail(new AppError('broker_unreachable', 'gone'));
    expect(await again).toBe('broker_unreachable');
    rig.ask({ token: 'x' });
    expect(rig.asked.length).toBe(3);
    expect(rig.counted).toEqual(['identity_invalid', 'broker_unreachable']);
  });

  it('lets one address try only so many wrong tokens, while others and those who are known go on', async () => {
    await rig.prove('alice');
    for (let index = 0; index < limits.wrongPerMinute; index += 1) {
      const wrong = rig.ask({ token: `wrong ${index}` });
      rig.asked.at(-1)?.fail(new AppError('identity_invalid', 'no'));
      expect(await wrong).toBe('identity_invalid');
    }
    const askedBefore = rig.asked.length;
    expect(await rig.ask({ token: 'one more' })).toBe('overloaded');
    expect(rig.asked.length).toBe(askedBefore);
    expect(await rig.ask({ token: 'alice' })).toBe('alice');
    const elsewhere = rig.ask({ token: 'bob', from: '10.0.0.2' });
    rig.asked.at(-1)?.answer('bob');
    await settle();
    expect(await elsewhere).toBe('bob');
  });

  it('counts wrong tokens that are tried at once, too', async () => {
    const all = Array.from({ length: 20 }, (_, index) => rig.ask({ token: `wrong ${index}` }));
    expect(rig.asked.length).toBe(limits.maxProving);
    for (const { fail } of rig.asked) fail(new AppError('identity_invalid', 'no'));
    const codes = await Promise.all(all);
    expect(codes.filter((code) => code === 'identity_invalid').length).toBe(limits.maxProving);
  });
});

describe('client certificates', () => {
  const certified = { tenant: 'acme', agent: 'alice' };

  it('are proven by the token of the agent that they name, once', async () => {
    rig.files.set('acme/alice', 'a');
    const first = rig.ask({ certified });
    await settle();
    rig.asked[0]?.answer('alice');
    await settle();
    expect(await first).toBe('alice');
    expect(await rig.ask({ certified })).toBe('alice');
    // The same plane serves the agent that brings its token itself.
    expect(await rig.ask({ token: 'a' })).toBe('alice');
    expect([rig.asked.length, rig.started.length]).toEqual([1, 1]);
  });

  it('prove nobody when the token belongs to another agent, or there is none', async () => {
    expect(await rig.ask({ certified })).toBe('identity_invalid');
    rig.files.set('acme/alice', 'b');
    const misfiled = rig.ask({ certified });
    await settle();
    rig.asked[0]?.answer('bob');
    await settle();
    expect(await misfiled).toBe('identity_invalid');
    expect(rig.started[0]?.handled).toBe(0);
  });

  it('must name the agent whose token comes beside them', async () => {
    await rig.prove('bob');
    expect(await rig.ask({ certified, token: 'bob' })).toBe('identity_invalid');
    await rig.prove('alice');
    expect(await rig.ask({ certified, token: 'alice' })).toBe('alice');
    expect(await rig.ask({ certified, token: 'bob' })).toBe('identity_invalid');
  });
});
