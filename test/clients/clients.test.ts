import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noteNotRun } from '../harness/not-run.ts';
import { describeBehaviour } from './behaviour.suite.ts';
import type { RuntimeName } from './client.ts';
import { clients } from './clients.ts';
import { type Result, resultOf, writeResults } from './results.ts';
import { type Runtime, runtimes } from './runtimes.ts';
import { openStage, type Stage } from './stage.ts';
import { type Trial, type TrialOptions, tryClient } from './trial.ts';
import { type Verdict, verdictOn } from './verdict.ts';
import { versionOf } from './versions.ts';
import { openWorkshop } from './workshop.ts';

const trialMs = 60_000;

const workshop = await openWorkshop();
const here = new Map<RuntimeName, Runtime>();
const planned: Pick<TrialOptions, 'client' | 'way' | 'runtime'>[] = [];
let isWhole = true;
for (const client of clients) {
  const runtime = await runtimes[client.runtime](workshop);
  if ('missing' in runtime) {
    isWhole = false;
    noteNotRun({ what: client.name, reason: runtime.missing });
    continue;
  }
  here.set(client.runtime, runtime);
  for (const way of client.ways) planned.push({ client, way, runtime });
}

let stage: Stage;
const started = new Map<number, Promise<Trial>>();
const results: Result[] = [];

/** Starts a trial unless it is already on its way. */
function startTrial(index: number): Promise<Trial> | undefined {
  const trial = planned[index];
  if (trial === undefined) return undefined;
  const running = started.get(index) ?? tryClient({ ...trial, programsDir: workshop.dir, stage, timeoutMs: trialMs });
  started.set(index, running);
  return running;
}

beforeAll(async () => {
  stage = await openStage();
});

afterAll(async () => {
  await Promise.allSettled(started.values());
  await stage?.close();
  if (process.env.LEASEHOLD_WRITE_RESULTS !== '1') return;
  if (!isWhole || results.length !== planned.length) throw new Error('The results are not written: this run left clients out.');
  await writeResults(results);
});

describe.each(planned.map((plan, index) => ({ ...plan, name: plan.client.name, index })))(
  '$name, way $way',
  ({ client, way, runtime, index }) => {
    let trial: Trial;
    let verdict: Verdict;
    beforeAll(async () => {
      const own = startTrial(index);
      // Two cores, so two at a time: the next one runs meanwhile.
      startTrial(index + 1)?.catch(() => undefined);
      if (own === undefined) return;
      trial = await own;
      verdict = verdictOn(client, trial);
      results.push(resultOf(client, await versionOf(client, runtime), way, trial, verdict));
    }, 3 * trialMs);

    test('gets through without a key: the vendor sees the right credential, and the client never does', () => {
      expect(verdict.getsThrough, trial.printed).toEqual([]);
    });

    test('is refused without the grant, and nothing is forwarded', () => {
      expect(verdict.isRefused, trial.printed).toEqual([]);
      expect(stage.ungranted.visits).toEqual([]);
    });

    test('is cut by a revocation while an answer streams, at both ends', () => {
      expect(verdict.isCut, trial.printed).toEqual([]);
    });
  },
);

describe('real clients', () => describeBehaviour({ stage: () => stage, programsDir: workshop.dir, runtimes: here }));
