import { AppError } from '@leasehold/core';
import { prompt } from './prompt.ts';

/** Asks before something is ended; where nobody can be asked, `--yes` has to say it. `warning` says what comes of it. */
export async function confirm(what: string, isYes: boolean, warning = 'can’t be undone'): Promise<void> {
  if (isYes) return;
  if (process.stdin.isTTY !== true)
    throw new AppError('invalid_argument', `${what} ${warning}.\nRepeat the command with --yes if you mean it.`);
  const answer = await prompt({ input: process.stdin, output: process.stderr }, `${what} ${warning}. Go on? [y/N] `);
  if (!/^y(es)?$/i.test(answer?.trim() ?? '')) throw new AppError('invalid_argument', 'Nothing was changed.\nAnswer "y" to go on.');
}
