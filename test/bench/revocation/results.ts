import type { Quantiles } from './quantiles.ts';

/** From the time that the commit carries (to the ms) until the secret was gone from each sidecar's cache, ms. */
export interface FanOutRow extends Quantiles {
  readonly sidecars: number;
  readonly rotations: number;
  readonly brokerCpuUsPerPurge: number;
  readonly brokerKbPerStream: number;
}

/** From the moment when the broker listened again until each sidecar was in step, ms. */
export interface StormRow extends Quantiles {
  readonly sidecars: number;
  readonly downMs: number;
  /** For how long each was out of step, ms. */
  readonly refused: Quantiles;
  /** Streams that were tried and ended, for each sidecar. */
  readonly streamsPerSidecar: number;
  readonly brokerCpuMsPerSidecar: number;
}

export interface RevocationResults {
  readonly fanOut: readonly FanOutRow[];
  readonly storm: readonly StormRow[];
}

interface Target {
  readonly figure: 'p99' | 'max';
  readonly must: number;
  readonly aim: number;
  readonly moonshot: number;
}

/** What has to be reached, by the number of sidecars, ms. */
export const targets: ReadonlyMap<number, Target> = new Map([
  [1_000, { figure: 'p99', must: 250, aim: 100, moonshot: 50 }],
  [10_000, { figure: 'max', must: 2_000, aim: 1_000, moonshot: 500 }],
]);

export function isReached({ fanOut }: RevocationResults): boolean {
  return fanOut.every((row) => {
    const target = targets.get(row.sidecars);
    return target === undefined || row[target.figure] <= target.must;
  });
}

/** Markdown. */
export function tablesOf({ fanOut, storm }: RevocationResults): string {
  return [
    '| sidecars | rotations | p50 ms | p99 ms | max ms | must / aim / moonshot, ms | broker CPU µs per purge | broker KB per stream |',
    '|---|---|---|---|---|---|---|---|',
    ...fanOut.map((row) =>
      line([
        count(row.sidecars),
        row.rotations,
        row.p50,
        row.p99,
        row.max,
        verdictOf(row),
        row.brokerCpuUsPerPurge.toFixed(0),
        row.sidecars < 100 ? '' : row.brokerKbPerStream.toFixed(0),
      ]),
    ),
    '',
    '| sidecars | broker was down ms | back: p50 ms | p99 ms | max ms | refused for: p50 ms | p99 ms | max ms | streams tried per sidecar | broker CPU ms per sidecar |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...storm.map((row) =>
      line([
        count(row.sidecars),
        row.downMs,
        row.p50,
        row.p99,
        row.max,
        row.refused.p50,
        row.refused.p99,
        row.refused.max,
        row.streamsPerSidecar.toFixed(1),
        row.brokerCpuMsPerSidecar.toFixed(2),
      ]),
    ),
  ].join('\n');
}

function verdictOf(row: FanOutRow): string {
  const target = targets.get(row.sidecars);
  if (target === undefined) return '';
  const { figure, must, aim, moonshot } = target;
  const best = Object.entries({ must, aim, moonshot }).findLast(([, limit]) => row[figure] <= limit)?.[0] ?? 'missed';
  return `${figure} ${must} / ${aim} / ${moonshot}: ${best}`;
}

function line(cells: readonly (string | number)[]): string {
  return `| ${cells.join(' | ')} |`;
}

function count(sidecars: number): string {
  return sidecars.toLocaleString('en-US');
}
