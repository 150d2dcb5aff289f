import type { DeathBook, LateUse, UseKind } from './death-book.ts';
import type { PlayedRound } from './play.ts';
import type { Traffic } from './traffic.ts';

export interface ReportOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly book: DeathBook;
  readonly traffics: readonly Traffic[];
  readonly played: readonly PlayedRound[];
  readonly requestBoundMs: number;
  readonly streamBoundMs: number;
}

/** What a run did and saw, for people. */
export function reportOf({ seed, seconds, book, traffics, played, requestBoundMs, streamBoundMs }: ReportOptions): string {
  const sum = (of: (traffic: Traffic) => number) => traffics.reduce((total, traffic) => total + of(traffic), 0);
  const results = new Map<string, number>();
  for (const traffic of traffics) for (const [result, count] of traffic.results) results.set(result, (results.get(result) ?? 0) + count);
  const ends = [...results].sort(([, one], [, other]) => other - one).map(([result, count]) => `${count} × ${result}`);
  return `${[
    '',
    `chaos, seed ${seed}: ${played.length} rounds in ${seconds.toFixed(1)} s`,
    ...played.map(({ fault, recoveredMs }) => `  ${fault}: everybody served again ${recoveredMs.toFixed(0)} ms after it healed`),
    `  ${sum(({ sent }) => sent)} calls sent, ${(sum(({ sent }) => sent) / seconds).toFixed(0)}/s; ${sum(({ held }) => held)} held back, too many being unanswered`,
    `  ${ends.join(', ')}`,
    `  ${book.uses.request} secrets seen in requests; ${sum(({ streamsOpened }) => streamsOpened)} streams, ${book.uses.stream} events on them; ${book.deaths} deaths`,
    latest('request', book.late('request'), requestBoundMs),
    latest('stream', book.late('stream'), streamBoundMs),
  ].join('\n')}\n`;
}

function latest(kind: UseKind, late: readonly LateUse[], boundMs: number): string {
  const [worst] = late;
  const many = late.length === 0 ? 'no' : late.length;
  return `  ${kind}: ${many} values used after their commit, at the latest ${worst === undefined ? 0 : worst.latenessMs} ms after it (bound ${boundMs} ms)`;
}
