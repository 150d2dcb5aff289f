import { type Clock, elapsedMs, type Instant } from '@leasehold/core';
import { emptyCursor, inStep, type RevocationCursor } from '../domain/revocation-cursor.ts';
import { outOfStep, tooManyWaiting } from './lease-endings.ts';

/**
 * Where the sidecar stands with the revocation log, for all who lean on it: moved by the revocation follower, read by the lease cache.
 * The timer makes falling out of step an event; that nothing is used when out of step never depends on it (`refusal` looks at the clock).
 */
export interface Standing {
  readonly cursor: RevocationCursor;
  /** The sidecar's own agent, as the session proved it. */
  readonly agentId: string;
  /** What operators call it; undefined before the first session. */
  readonly agentName: string | undefined;
  move(next: RevocationCursor): void;
  identify(agentId: string, agentName: string): void;
  isInStep(now: Instant): boolean;
  /** Whether a stream is being set up, so that waiting a moment makes sense. */
  establish(isEstablishing: boolean): void;
  /** Resolves once in step; at once, if it is. Throws AppError `out_of_step` when no stream is being set up, when setting it up fails, or after `timeoutMs`. */
  untilInStep(timeoutMs: number): Promise<void>;
  listen(listener: StandingListener): void;
}

export interface StandingListener {
  /** `lateMs`: how long ago freshness ran out, which is long when the machine slept. */
  fell(lateMs: number): void;
  regained(): void;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (why: Error) => void;
}

/** A sleeping machine stops timers, so freshness is looked at least this often, on both clocks. */
const checkEveryMs = 1_000;

export function createStanding(options: { readonly clock: Clock; readonly maxWaiters: number }): Standing {
  const { clock } = options;
  const listeners: StandingListener[] = [];
  const waiters = new Set<Waiter>();
  let cursor = emptyCursor;
  let agentId = '';
  let agentName: string | undefined;
  let wasInStep = false;
  let isEstablishing = false;
  let watchdog: NodeJS.Timeout | undefined;

  function arm(now: Instant): void {
    if (watchdog !== undefined || cursor.freshFrom === undefined) return;
    const leftMs = cursor.maxStalenessMs - elapsedMs(cursor.freshFrom, now);
    watchdog = setTimeout(ring, Math.min(Math.max(1, Math.ceil(leftMs)), checkEveryMs));
    watchdog.unref();
  }

  function ring(): void {
    watchdog = undefined;
    check();
  }

  function check(): void {
    const now = clock.now();
    const isNow = inStep(cursor, now);
    if (isNow) arm(now);
    if (isNow !== wasInStep) turn(isNow, now);
    // Even without a turn: who waits may have looked between the moment when freshness ran out and the one when the watchdog saw it.
    if (isNow) settle((waiter) => waiter.resolve());
  }

  function turn(isNow: boolean, now: Instant): void {
    wasInStep = isNow;
    if (isNow) {
      isEstablishing = false;
      for (const listener of listeners) listener.regained();
    } else {
      const lateMs = cursor.freshFrom === undefined ? 0 : elapsedMs(cursor.freshFrom, now) - cursor.maxStalenessMs;
      for (const listener of listeners) listener.fell(lateMs);
    }
  }

  function settle(how: (waiter: Waiter) => void): void {
    const waiting = [...waiters];
    waiters.clear();
    for (const waiter of waiting) how(waiter);
  }

  return {
    get cursor() {
      return cursor;
    },
    get agentName() {
      return agentName;
    },
    get agentId() {
      return agentId;
    },
    move(next) {
      cursor = next;
      check();
    },
    identify(id, name) {
      agentId = id;
      agentName = name;
    },
    isInStep: (now) => inStep(cursor, now),
    establish(is) {
      isEstablishing = is;
      if (!is) settle((waiter) => waiter.reject(outOfStep()));
    },
    async untilInStep(timeoutMs) {
      if (inStep(cursor, clock.now())) return;
      if (!isEstablishing) throw outOfStep();
      if (waiters.size >= options.maxWaiters) throw tooManyWaiting();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const waiter = { resolve, reject };
      waiters.add(waiter);
      const timer = setTimeout(() => reject(outOfStep()), timeoutMs);
      try {
        await promise;
      } finally {
        clearTimeout(timer);
        waiters.delete(waiter);
      }
    },
    listen(listener) {
      listeners.push(listener);
    },
  };
}
