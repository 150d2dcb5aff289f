import { parseArgs } from 'node:util';
import type { Burst } from './burst.ts';

/** PERF's figures for one row. */
export interface Reach {
  readonly must: number;
  readonly aim: number;
  readonly moonshot: number;
}

export interface Job {
  readonly name: string;
  /** Undefined where nobody has set figures. */
  readonly reach?: Reach;
  readonly nginx: (seconds: number) => Promise<Burst>;
  readonly sidecar: (seconds: number) => Promise<Burst>;
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '8' }, seconds: { type: 'string', default: '3' }, only: { type: 'string' } },
});
/** How long one burst of a round takes. */
const burstSeconds = Number(values.seconds);
export const warmUpSeconds = 3;

/**
 * Prints a row a job: both sides in turn, round by round, and the median of the ratios, since absolute times drift with the machine.
 * False when a job missed what it must reach.
 */
export async function printPairs(jobs: readonly Job[]): Promise<boolean> {
  let isReached = true;
  console.log(
    '| CPU per request or message | nginx µs | sidecar µs | × nginx | per second | must | aim | moonshot | |\n|---|---|---|---|---|---|---|---|---|',
  );
  for (const { name, reach, nginx, sidecar } of jobs.filter((job) => values.only === undefined || job.name.includes(values.only))) {
    await sidecar(warmUpSeconds);
    const rounds: { readonly nginx: Burst; readonly sidecar: Burst }[] = [];
    for (let round = 0; round < Number(values.rounds); round += 1)
      rounds.push({ nginx: await nginx(burstSeconds), sidecar: await sidecar(burstSeconds) });
    const ratio = median(rounds.map((each) => each.sidecar.cpuUs / each.nginx.cpuUs));
    const figures = [
      median(rounds.map((each) => each.nginx.cpuUs)).toFixed(1),
      median(rounds.map((each) => each.sidecar.cpuUs)).toFixed(1),
      ratio.toFixed(2),
      median(rounds.map((each) => each.sidecar.perSecond)).toFixed(0),
    ];
    const judged = reach === undefined ? ['', '', '', ''] : [reach.must, reach.aim, reach.moonshot, verdict(ratio, reach)];
    console.log(`| ${[name, ...figures, ...judged].join(' | ')} |`);
    isReached &&= reach === undefined || ratio <= reach.must;
  }
  return isReached;
}

export function verdict(figure: number, reach: Reach): string {
  return figure <= reach.moonshot ? 'moonshot' : figure <= reach.aim ? 'aim' : figure <= reach.must ? 'must' : 'missed';
}

function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5);
}

export function quantile(numbers: readonly number[], q: number): number {
  const sorted = numbers.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
