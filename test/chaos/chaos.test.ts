import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type ArrivalClock, createArrivalClock } from '../harness/arrival-clock.ts';
import { seededRandom } from '../harness/seeded-random.ts';
import { createDeathBook } from './death-book.ts';
import { createOperator } from './operator.ts';
import { healthy, type PlayedRound, play } from './play.ts';
import { reportOf, summed } from './report.ts';
import { scheduleOf } from './schedule.ts';
import { type Stage, startStage } from './stage.ts';
import { type Streams, startStreams } from './streams.ts';
import { startTraffic, type Traffic } from './traffic.ts';
import { createWaysIn, waysIn } from './ways-in.ts';
import { startWitness, type Witness } from './witness.ts';

/** Short, so that the bound is reached many times. */
const maxStalenessMs = 1_000;
const streamGraceMs = 500;
/** The commit's time is told in whole milliseconds, and so is the witness's. */
const precisionMs = 2;
const ratePerS = 500;
const agents = ['one', 'two', 'three'] as const;
/** Killed by operators. */
const mortal = ['alpha', 'beta'] as const;
/** Dies with its agent alone: shows that service is back. */
const steady = 'steady';
/** What a sidecar may need to come back after all is well: it has to find out that its connection is dead, and backs off up to 5 s. */
const recoveryMs = 40_000;

const seed = Number(process.env.LEASEHOLD_CHAOS_SEED ?? 20_261_125);
const seconds = Number(process.env.LEASEHOLD_CHAOS_SECONDS ?? 25);

const arrivals: ArrivalClock = createArrivalClock();
const book = createDeathBook();
let witness: Witness;
let stage: Stage;
let traffics: readonly Traffic[] = [];

beforeAll(async () => {
  witness = await startWitness(book, arrivals);
  stage = await startStage({ agents, maxStalenessMs, streamGraceMs });
});

afterEach(async () => {
  expect(await stage.fatalLines()).toEqual([]);
});

afterAll(async () => {
  for (const traffic of traffics) traffic.stop();
  await stage?.close();
  await witness?.close();
  arrivals.close();
});

test(
  'INV-4 and INV-6: whatever fails, no request carries a secret later than max_staleness after it died, and no stream flows later than its grace',
  async () => {
    const streams: Streams[] = [];
    const began = performance.now();
    const played = await run(streams);
    const requestBoundMs = maxStalenessMs + precisionMs;
    const streamBoundMs = maxStalenessMs + streamGraceMs + precisionMs;
    process.stdout.write(
      reportOf({ seed, seconds: (performance.now() - began) / 1_000, book, traffics, streams, played, requestBoundMs, streamBoundMs }),
    );
    expect([...summed(traffics.map(({ successes }) => successes)).keys()].toSorted()).toEqual(waysIn.toSorted());
    expect([...summed(streams.map(({ opened }) => opened)).keys()].toSorted()).toEqual([
      'SSE by base URL',
      'SSE by tunnel',
      'WebSocket by base URL',
      'WebSocket by tunnel',
    ]);
    // Uses after a commit and within the bound: without them the bound was never put to the test.
    expect(book.late('request').length).toBeGreaterThan(0);
    expect(book.late('stream').length).toBeGreaterThan(0);
    expect(book.confirmations).toBeGreaterThan(0);
    expect(book.tooEarly).toEqual([]);
    expect(book.afterConfirmation.filter(({ latenessMs }) => latenessMs > precisionMs)).toEqual([]);
    expect(book.late('request').filter(({ latenessMs }) => latenessMs > requestBoundMs)).toEqual([]);
    expect(book.late('stream').filter(({ latenessMs }) => latenessMs > streamBoundMs)).toEqual([]);
  },
  (seconds + 240) * 1_000,
);

async function run(streams: Streams[]): Promise<readonly PlayedRound[]> {
  const ended = new AbortController();
  try {
    const operator = createOperator({ admin: stage.admin, agents, vendor: witness, book, ended: ended.signal });
    const credentials = [steady, ...mortal];
    for (const credential of credentials) await operator.lend(credential);
    traffics = stage.sidecars.map(({ agent, facts, caPem }, index) => {
      const ways = createWaysIn({ agent, vendorUrl: witness.url, proxyPort: () => Number(facts().proxy_port), caPem });
      ended.signal.addEventListener('abort', ways.close);
      streams.push(startStreams({ agent, credentials, ways, book, arrivals, ended: ended.signal }));
      return startTraffic({ credentials, ways, ratePerS: ratePerS / agents.length, random: seededRandom(seed + index) });
    });
    await healthy(traffics, recoveryMs);
    const played = await play({
      stage,
      traffics,
      operator,
      mortal,
      schedule: scheduleOf(seededRandom(seed), maxStalenessMs),
      random: seededRandom(~seed),
      untilMs: performance.now() + seconds * 1_000,
      recoveryMs,
    });
    // What is late may still come.
    await new Promise((resolve) => setTimeout(resolve, maxStalenessMs + streamGraceMs));
    return played;
  } finally {
    for (const traffic of traffics) traffic.stop();
    ended.abort();
  }
}
