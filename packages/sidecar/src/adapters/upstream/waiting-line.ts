import type { AppError } from '@leasehold/core';

export interface LineOptions {
  /** Requests that may wait. */
  readonly maxWaiting: number;
  /** The longest that a request waits, ms. */
  readonly waitMs: number;
}

/** Requests that wait for a connection, in the order in which they came: bounded in number and in time. */
export interface WaitingLine<Waiter extends { refused(why: AppError): void }> {
  /** Refused at once when the line is full, later when its patience has run out. */
  enter(waiter: Waiter): void;
  leave(waiter: Waiter): void;
  /** The one that has waited longest, which leaves the line. */
  next(): Waiter | undefined;
  refuseAll(why: AppError): void;
  readonly length: number;
}

export function createWaitingLine<Waiter extends { refused(why: AppError): void }>(
  { maxWaiting, waitMs }: LineOptions,
  busy: () => AppError,
): WaitingLine<Waiter> {
  const waiting = new Map<Waiter, number>();
  let patience: NodeJS.Timeout | undefined;

  function next(): Waiter | undefined {
    for (const waiter of waiting.keys()) {
      waiting.delete(waiter);
      return waiter;
    }
    return undefined;
  }

  /** Looks after the one that has waited longest: those behind it came later. */
  function armPatience(): void {
    if (patience !== undefined) return;
    for (const since of waiting.values()) {
      patience = setTimeout(turnAway, Math.max(1, since + waitMs - performance.now()));
      patience.unref();
      return;
    }
  }

  function turnAway(): void {
    patience = undefined;
    const latest = performance.now() - waitMs;
    for (const [waiter, since] of waiting) {
      if (since > latest) break;
      waiting.delete(waiter);
      waiter.refused(busy());
    }
    armPatience();
  }

  return {
    enter(waiter) {
      if (waiting.size >= maxWaiting) {
        waiter.refused(busy());
        return;
      }
      waiting.set(waiter, performance.now());
      armPatience();
    },
    leave(waiter) {
      waiting.delete(waiter);
    },
    next,
    refuseAll(why) {
      clearTimeout(patience);
      patience = undefined;
      for (let waiter = next(); waiter !== undefined; waiter = next()) waiter.refused(why);
    },
    get length() {
      return waiting.size;
    },
  };
}
