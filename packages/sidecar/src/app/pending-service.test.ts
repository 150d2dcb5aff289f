import { AppError } from '@leasehold/core';
import { describe, expect, it } from 'vitest';
import type { AgentService } from '../ports/agent-service.ts';
import { createPendingService } from './pending-service.ts';

const target = { host: 'api.example.com', port: 443 };

function rig() {
  const { promise, resolve, reject } = Promise.withResolvers<AgentService>();
  const counted: string[] = [];
  const recorded: string[] = [];
  const kept = new Set<() => void>();
  let room = true;
  const service: AgentService = {
    handle: () => ({ drained: () => undefined, stalled: () => undefined, abandoned: () => undefined }),
    judgeTunnel: () => ({ kind: 'intercept' }),
    recordTunnel: (_, outcome) => recorded.push(outcome),
    keep: (cut) => {
      if (!room) return undefined;
      kept.add(cut);
      return () => kept.delete(cut);
    },
  };
  const fill = () => {
    room = false;
  };
  const pending = createPendingService(promise, (code) => counted.push(code));
  return { pending, counted, recorded, kept, fill, arrive: () => resolve(service), fail: (why: AppError) => reject(why) };
}

describe('a service that has not arrived', () => {
  it('judges a tunnel once it has, and refuses it with what came of the proof', async () => {
    const good = rig();
    const verdict = good.pending.judgeTunnel(target);
    good.arrive();
    expect(await verdict).toEqual({ kind: 'intercept' });
    const bad = rig();
    const refused = bad.pending.judgeTunnel(target);
    const why = new AppError('identity_invalid', 'no');
    bad.fail(why);
    expect(await refused).toMatchObject({
      kind: 'refused',
      error: {
        code: 'identity_invalid',
        message: 'no',
        destination: 'https://api.example.com:443',
        hint: 'leasehold agent rotate-token AGENT --token-file FILE',
      },
    });
  });

  it('leaves the record of a tunnel with the agent, and counts the one of nobody', async () => {
    const good = rig();
    good.pending.recordTunnel(target, 'no_route', 403);
    good.arrive();
    const bad = rig();
    bad.pending.recordTunnel(target, 'identity_invalid', 407);
    bad.fail(new AppError('identity_invalid', 'no'));
    await new Promise(setImmediate);
    expect([good.recorded, good.counted, bad.recorded, bad.counted]).toEqual([['no_route'], [], [], ['identity_invalid']]);
  });

  it('keeps a connection once it has, unless that was let go meanwhile, and cuts it where there is no room', async () => {
    const good = rig();
    good.pending.keep(() => undefined);
    const letGo = good.pending.keep(() => undefined);
    letGo?.();
    good.arrive();
    await new Promise(setImmediate);
    expect(good.kept.size).toBe(1);
    const full = rig();
    full.fill();
    let isCut = false;
    full.pending.keep(() => {
      isCut = true;
    });
    full.arrive();
    await new Promise(setImmediate);
    expect(isCut).toBe(true);
  });
});
