import type { ExitCode } from '../exit-codes.ts';

/** One thing that was looked at. */
export interface Finding {
  /** What was looked at, for programs. */
  readonly check: 'broker' | 'credentials' | 'environment' | 'runtime' | 'calls' | 'trust' | 'bypass' | 'command';
  readonly ok: boolean;
  /** One sentence of what was found. */
  readonly found: string;
  /** What to do about it; null when all is well. */
  readonly advice: string | null;
  /** What it makes of the exit code when it is not ok. */
  readonly exitCode: ExitCode;
}

export function good(check: Finding['check'], found: string): Finding {
  return { check, ok: true, found, advice: null, exitCode: 0 };
}

export function bad(check: Finding['check'], found: string, advice: string, exitCode: ExitCode = 1): Finding {
  return { check, ok: false, found, advice, exitCode };
}
