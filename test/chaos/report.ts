import type { DeathBook, LateUse, UseKind } from './death-book.ts';
import type { PlayedRound } from './play.ts';
import type { Streams } from './streams.ts';
import type { Traffic } from './traffic.ts';

export interface ReportOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly book: DeathBook;
  readonly traffics: readonly Traffic[];
  readonly streams: readonly Streams[];
  readonly played: readonly PlayedRound[];
  readonly requestBoundMs: number;
  readonly streamBoundMs: number;
}

/** What a run did and saw, for people. */
export function reportOf({ seed, seconds, book, traffics, streams, played, requestBoundMs, streamBoundMs }: ReportOptions): string {
  const sum = (of: (traffic: Traffic) => number) => traffics.reduce((total, traffic) => total + of(traffic), 0);
  const results = summed(traffics.map(({ results }) => results));
  const byWay = summed(traffics.map(({ successes }) => successes));
  const opened = summed(streams.map(({ opened }) => opened));
  return `${[
    '',
    `chaos, seed ${seed}: ${played.length} rounds in ${seconds.toFixed(1)} s`,
    ...played.map(({ fault, recoveredMs }) => `  ${fault}: everybody served again ${recoveredMs.toFixed(0)} ms after it healed`),
    `  ${sum(({ sent }) => sent)} calls sent, ${(sum(({ sent }) => sent) / seconds).toFixed(0)}/s; ${sum(({ held }) => held)} held back, too many being unanswered`,
    `  ended with ${listOf(results)}`,
    `  succeeded by ${listOf(byWay)}`,
    `  streams opened: ${listOf(opened)}`,
    `  ${book.uses.request} secrets seen in requests; ${book.uses.stream} events on streams; ${book.deaths} deaths`,
    latest('request', book.late('request'), requestBoundMs),
    latest('stream', book.late('stream'), streamBoundMs),
    `  ${book.confirmations} purges confirmed, ${book.afterConfirmation.length} used after it, at the latest ${book.afterConfirmation[0]?.latenessMs ?? 0} ms`,
  ].join('\n')}\n`;
}

export function summed(maps: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const total = new Map<string, number>();
  for (const map of maps) for (const [key, count] of map) total.set(key, (total.get(key) ?? 0) + count);
  return total;
}

function listOf(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort(([, one], [, other]) => other - one)
    .map(([what, count]) => `${what} ${count}`)
    .join(', ');
}

function latest(kind: UseKind, late: readonly LateUse[], boundMs: number): string {
  const [worst] = late;
  const many = late.length === 0 ? 'no' : late.length;
  return `  ${kind}: ${many} values used after their commit, at the latest ${worst === undefined ? 0 : worst.latenessMs} ms after it (bound ${boundMs} ms)`;
}
