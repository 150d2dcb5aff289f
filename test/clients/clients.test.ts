import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noteNotRun } from '../harness/not-run.ts';
import { clients, waysServed } from './clients.ts';
import { type Found, runtimes } from './runtimes.ts';
import { openStage, type Stage } from './stage.ts';
import { type Trial, type TrialOptions, tryClient } from './trial.ts';
import { openWorkshop } from './workshop.ts';

const trialMs = 60_000;

const workshop = await openWorkshop();
const found = new Map<string, Found>();
for (const { runtime } of clients) if (!found.has(runtime)) found.set(runtime, await runtimes[runtime](workshop));

const planned: Pick<TrialOptions, 'client' | 'way' | 'runtime'>[] = [];
for (const client of clients) {
  const runtime = found.get(client.runtime);
  if (runtime === undefined || 'missing' in runtime) noteNotRun({ what: client.name, reason: runtime?.missing ?? 'unknown' });
  else
    for (const way of client.ways.filter((each) => waysServed.includes(each) && !(each === 'A' && client.alwaysTunnels === true)))
      planned.push({ client, way, runtime });
}

let stage: Stage;
const started = new Map<number, Promise<Trial>>();

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
});

describe.each(planned.map(({ client, way }, index) => ({ name: client.name, way, index })))('$name, way $way', ({ index }) => {
  let trial: Trial;
  beforeAll(async () => {
    const own = startTrial(index);
    // Two cores, so two at a time: the next one runs meanwhile.
    startTrial(index + 1)?.catch(() => undefined);
    if (own !== undefined) trial = await own;
  }, 3 * trialMs);

  test('gets through without a key: the vendor sees the right credential, and the client never does', () => {
    expect([trial.call?.status, trial.sawProof], trial.traces).toEqual([200, true]);
    expect(trial.visits.length, trial.traces).toBeGreaterThanOrEqual(2);
    expect(trial.visits.filter(({ isRightful }) => !isRightful)).toEqual([]);
    expect(trial.sawSecret).toBe(false);
  });

  test('is refused without the grant, and nothing is forwarded', () => {
    expect(trial.refused, trial.traces).toBeDefined();
    expect(trial.refused?.status).not.toBe(200);
    expect(`${trial.refused?.status} ${trial.traces}`).toMatch(/\b403\b/);
    expect(stage.ungranted.visits).toEqual([]);
  });

  test('is cut by a revocation while an answer streams, at both ends', () => {
    expect([trial.wasReceiving, trial.over?.how, trial.isLate], trial.traces).toEqual([true, 'cut', false]);
    expect(trial.isClosedAtVendor).toBe(true);
  });
});
