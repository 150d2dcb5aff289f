import { type Clock, elapsedMs, type Instant } from '@leasehold/core';
import type { ReadyCheck } from './ops-server.ts';

/** For a check that costs something: one look serves all who ask while it is under way and for `forMs` after, however many they are. */
export function rememberReady(check: ReadyCheck, clock: Clock, forMs: number): ReadyCheck {
  let latest: ReturnType<ReadyCheck> | undefined;
  /** Undefined while a look is under way. */
  let doneAt: Instant | undefined;

  const done = () => {
    doneAt = clock.now();
  };

  return () => {
    const isStale = doneAt !== undefined && elapsedMs(doneAt, clock.now()) >= forMs;
    if (latest !== undefined && !isStale) return latest;
    doneAt = undefined;
    latest = check();
    latest.then(done, done);
    return latest;
  };
}
