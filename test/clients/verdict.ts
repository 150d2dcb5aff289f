import type { Client } from './client.ts';
import { type Fact, isFact } from './run-client.ts';
import type { Trial } from './trial.ts';

/** What went wrong with each promise; nothing where it was kept. */
export interface Verdict {
  readonly getsThrough: readonly string[];
  readonly isRefused: readonly string[];
  readonly isCut: readonly string[];
}

export function verdictOn(client: Client, trial: Trial): Verdict {
  const getsAnswer = succeeded(trial.call);
  return {
    getsThrough: problems({
      'the call did not succeed': !getsAnswer,
      'the client did not read the proof': !trial.sawProof,
      'the vendor was not called twice': trial.visits.length < 2,
      'the vendor saw something else than the right credential': trial.visits.some(({ isRightful }) => !isRightful),
      'the client saw the credential': trial.sawSecret,
    }),
    isRefused: problems({
      'the client never asked': trial.refused === undefined,
      'the call succeeded': succeeded(trial.refused),
      'the grant makes no difference': !getsAnswer,
      'the client can’t tell that it was forbidden': client.hidesRefusals !== true && !isForbidden(trial),
    }),
    isCut: problems({
      'no piece of the answer came': !trial.wasReceiving,
      'the answer did not break off': trial.over?.how !== 'cut',
      'the vendor still writes': !trial.isClosedAtVendor,
      'the client hung': trial.isLate,
    }),
  };
}

/** 101 is how a WebSocket begins. */
function succeeded(fact: Fact | undefined): boolean {
  return fact?.status === 200 || fact?.status === 101;
}

/** Of a tunnel that was refused some say no more than that, and gRPC has a code of its own for 403. */
const wordsForForbidden = /\b403\b|Forbidden|unsuccessful tunnel|ERR_TUNNEL_CONNECTION_FAILED|PERMISSION_DENIED|PermissionDenied/;

function isForbidden(trial: Trial): boolean {
  return wordsForForbidden.test(wordsOfRefusal(trial));
}

/** What the client told its program of the refusal, or printed by itself. */
export function wordsOfRefusal({ refused, printed }: Trial): string {
  const byItself = printed.split('\n').filter((line) => !isFact(line));
  return [refused?.status, refused?.code, refused?.error, refused?.saw, ...byItself].join('\n');
}

function problems(found: Readonly<Record<string, boolean>>): readonly string[] {
  return Object.keys(found).filter((problem) => found[problem]);
}
