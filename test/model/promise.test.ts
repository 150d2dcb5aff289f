import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { patience } from '../../packages/sidecar/src/patience.ts';
import { commands, plan } from './commands.ts';
import { foundDeadMs } from './link.ts';
import { recover } from './recovery.ts';
import { type Begin, createWorld, makeBegin } from './world.ts';

/**
 * Two sidecars, two brokers and their database, made of the product's own follower, cache, hub, use cases and log, in a world in which everything
 * may go wrong. Play runs again with LEASEHOLD_MODEL_SEED (the seed is printed), more of them with LEASEHOLD_MODEL_RUNS.
 */
const seed = Number(process.env.LEASEHOLD_MODEL_SEED ?? Date.now() % 2 ** 31);
const numRuns = Number(process.env.LEASEHOLD_MODEL_RUNS ?? (process.env.LEASEHOLD_RUN_ALL === '1' ? 10_000 : 500));
const maxCommands = 40;
/**
 * A sidecar that refused for ever would keep the promise, too. Once all trouble is over, it is in step again after at most this, ms: a connection that is
 * dead and does not know it is given up when the channel's pings find it; then comes a back-off, which grew for as long as the trouble lasted, and a
 * second for the way.
 */
const recoveryMs = foundDeadMs + patience.backoff.maxMs + 1_000;
let slowestMs = 0;

let begin: Begin;
const total = { injected: 0, streamed: 0, revoked: 0, restored: 0, refused: 0, cut: 0 };

beforeAll(async () => {
  begin = await makeBegin();
});

afterAll(() => {
  process.stdout.write(
    `model: ${numRuns} runs from seed ${seed}: ${JSON.stringify(total)}; in step again after ${slowestMs} ms at the latest\n`,
  );
});

describe(`the promise, over ${numRuns} runs from seed ${seed}`, () => {
  test('no injection later than max_staleness after the commit, no stream later than its grace, and nothing once its revocation was applied', async () => {
    await fc.assert(
      fc.asyncProperty(plan, commands(maxCommands), async ({ sleeps, seed: ofRun }, script) => {
        const world = await createWorld(begin, ofRun);
        try {
          await fc.asyncModelRun(() => ({ model: { sleeps }, real: world }), script);
          slowestMs = Math.max(slowestMs, await recover(world, recoveryMs));
        } finally {
          world.end();
          for (const key of ['injected', 'streamed', 'revoked', 'restored'] as const) total[key] += world.oracle.counts[key];
          for (const key of ['refused', 'cut'] as const) total[key] += world.usage[key];
        }
      }),
      // Whoever only wants to know whether it fails need not wait for the smallest way to.
      { numRuns, seed, endOnFailure: process.env.LEASEHOLD_MODEL_SHRINK === '0' },
    );
  }, 600_000);

  test('is shown on runs in which secrets really are injected, refused, streamed and cut', () => {
    for (const count of Object.values(total)) expect(count).toBeGreaterThan(numRuns / 10);
  });
});
