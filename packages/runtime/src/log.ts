import { type DestinationStream, type Logger, pino } from 'pino';
import { safeError } from './safe-error.ts';

export type { Logger } from 'pino';

export interface LogOptions {
  readonly program: string;
  readonly version: string;
  readonly level: string;
  /** Standard error when not given. */
  readonly to?: DestinationStream;
}

/**
 * JSON lines on standard error. Callers name safe fields one by one: no request, header or body object is ever handed over,
 * and `err` is reduced to what `safeError` allows.
 */
export function createLog({ program, version, level, to }: LogOptions): Logger {
  return pino(
    {
      level,
      base: { program, version },
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: safeError, req: () => undefined, res: () => undefined },
    },
    to ?? pino.destination({ dest: 2, sync: false }),
  );
}
