import { AppError, type Clock, elapsedMs, type Instant } from '@leasehold/core';
import { type Backoff, backoffMs } from '../domain/backoff.ts';
import type { Broker } from '../ports/broker.ts';
import { followStream } from './follow-stream.ts';
import type { FollowerEvent } from './follower-events.ts';
import type { KnownRoutes } from './known-routes.ts';
import type { LeaseHoldings } from './lease-cache.ts';
import { pause } from './pause.ts';
import type { Standing } from './standing.ts';

/** Keeps the sidecar in step with the broker's revocation log, over one stream after the other. */
export interface RevocationFollower {
  /** Runs until the signal aborts. Never throws. */
  run(ended: AbortSignal): Promise<void>;
  /** In step, and the routes are known. */
  isReady(now: Instant): boolean;
  /** Age of what is known for sure; undefined when nothing is. */
  stalenessMs(now: Instant): number | undefined;
  /** Why the last stream ended or did not come about; undefined while in step. */
  trouble(now: Instant): AppError | undefined;
}

export interface RevocationFollowerOptions {
  readonly broker: Pick<Broker, 'watch' | 'connected'>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly backoff: Backoff;
  readonly helloTimeoutMs: number;
  readonly standing: Standing;
  readonly holdings: LeaseHoldings;
  readonly routes: KnownRoutes;
  readonly onEvent: (event: FollowerEvent) => void;
}

/** The channel dials by itself, with jitter, at least this often. To look for it less often would make us late and spare the broker nothing. */
const unreachableMaxMs = 1_000;

export function createRevocationFollower(options: RevocationFollowerOptions): RevocationFollower {
  const { standing, routes, onEvent } = options;
  let lastPingId = 0;
  let lastEnd: unknown;
  const nextPingId = (): number => {
    lastPingId += 1;
    return lastPingId;
  };

  function backoffAfter(why: unknown): Backoff {
    if (!isUnreachable(why)) return options.backoff;
    return { ...options.backoff, maxMs: Math.min(options.backoff.maxMs, unreachableMaxMs) };
  }

  /** Whoever had no connection waits for one, and no longer: its handshake had its turn already. */
  async function untilNext(ms: number, why: unknown, ended: AbortSignal): Promise<void> {
    if (ended.aborted || !isUnreachable(why)) return pause(ms, ended);
    const over = new AbortController();
    const stop = () => over.abort();
    ended.addEventListener('abort', stop, { once: true });
    await Promise.race([pause(ms, over.signal), options.broker.connected(over.signal)]);
    ended.removeEventListener('abort', stop);
    stop();
  }

  async function run(ended: AbortSignal): Promise<void> {
    let attempt = 0;
    let wasReset = false;
    while (!ended.aborted) {
      standing.establish(true);
      const pingsBefore = lastPingId;
      const end = await followStream({ ...options, nextPingId }, ended);
      standing.establish(false);
      lastEnd = end.why;
      onEvent({ kind: 'disconnected', why: end.why });
      // More than the first ping was sent: the stream was a working one, and the next attempt is a first one. So it is after a Reset, since a
      // broker that says so is there; but not after one Reset upon another.
      const hasWorked = lastPingId > pingsBefore + 1;
      if (hasWorked || (end.isReset && !wasReset)) attempt = 0;
      wasReset = end.isReset && !hasWorked;
      await untilNext(backoffMs(backoffAfter(end.why), attempt, options.random()), end.why, ended);
      attempt += 1;
    }
  }

  return {
    run,
    isReady: (now) => standing.isInStep(now) && routes.current() !== undefined,
    stalenessMs(now) {
      const { freshFrom } = standing.cursor;
      return freshFrom === undefined ? undefined : elapsedMs(freshFrom, now);
    },
    trouble: (now) => (lastEnd instanceof AppError && !standing.isInStep(now) ? lastEnd : undefined),
  };
}

function isUnreachable(why: unknown): boolean {
  return why instanceof AppError && why.code === 'broker_unreachable';
}
