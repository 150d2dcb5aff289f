import { AppError } from '@leasehold/core';

/** What may be logged of something thrown: kinds, codes and places. Never a message that we did not write ourselves: libraries quote their input. */
export interface SafeError {
  readonly type: string;
  readonly code?: string;
  readonly message?: string;
  readonly at?: readonly string[];
  readonly cause?: SafeError;
}

const depth = 4;

export function safeError(thrown: unknown, level = 0): SafeError {
  if (!(thrown instanceof Error)) return { type: typeof thrown };
  const code: unknown = 'code' in thrown ? thrown.code : undefined;
  const frames = thrown.stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? [];
  return {
    type: thrown.name,
    ...((typeof code === 'string' || typeof code === 'number') && { code: String(code) }),
    ...(thrown instanceof AppError && { message: thrown.message }),
    ...(frames.length > 0 && { at: frames.slice(0, 6).map((line) => line.trim()) }),
    ...(thrown.cause !== undefined && level < depth && { cause: safeError(thrown.cause, level + 1) }),
  };
}
