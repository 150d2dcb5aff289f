import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client, Way } from './client.ts';
import type { Trial } from './trial.ts';
import { type Verdict, wordsOfRefusal } from './verdict.ts';

/** What the last whole run showed; `write-table.ts` makes the README's table of it. */
export const resultsFile: string = join(import.meta.dirname, 'results.json');

/** One client by one way. */
export interface Result {
  readonly client: string;
  readonly version: string;
  readonly way: Way;
  /** All three promises were kept. */
  readonly isKept: boolean;
  /** What the client tells its program of a refusal: the code of the error, no more than the status, or not even that. */
  readonly refusal: 'code' | 'status' | 'nothing';
}

export function resultOf(client: Client, version: string, way: Way, trial: Trial, verdict: Verdict): Result {
  return {
    client: client.name,
    version,
    way,
    isKept: Object.values(verdict).every((problems) => problems.length === 0),
    refusal: refusalIn(trial),
  };
}

function refusalIn(trial: Trial): Result['refusal'] {
  const words = wordsOfRefusal(trial);
  if ((trial.refused?.code ?? '') !== '' || /\bno_(?:grant|route)\b/.test(words)) return 'code';
  return /\b403\b|Forbidden|PERMISSION_DENIED/.test(words) ? 'status' : 'nothing';
}

export async function readResults(): Promise<readonly Result[]> {
  return JSON.parse(await readFile(resultsFile, 'utf8'));
}

/** One line a result, so that a change is one line; spaced as the formatter wants it. */
export async function writeResults(results: readonly Result[]): Promise<void> {
  const lines = results.map((result) => `  ${JSON.stringify(result, null, 1).replaceAll(/\n */g, ' ')}`);
  await writeFile(resultsFile, `[\n${lines.join(',\n')}\n]\n`);
}
