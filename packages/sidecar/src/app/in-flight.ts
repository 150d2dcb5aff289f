import { type AppError, type Clock, elapsedMs, type Instant } from '@leasehold/core';
import type { LeaseEntry } from '../domain/lease-entry.ts';
import type { InFlight } from '../ports/leases.ts';
import { outOfStep } from './lease-endings.ts';
import type { OnLeaseEvent } from './lease-events.ts';

/** What is in flight under which lease, so that it can be cut when the lease ends (INV-6). All cuts run in the tick in which they are called for. */
export interface InFlightRegistry {
  /** The returned function says that it is over; calling it twice, or after a cut, does nothing. */
  hold(entry: LeaseEntry, held: InFlight): () => void;
  isHeld(entry: LeaseEntry): boolean;
  cut(entry: LeaseEntry, why: AppError): void;
  /** Requests whose head has not left die now; streams after what is left of their grace, unless `regain` comes first. */
  fall(lateMs: number): void;
  regain(): void;
  readonly size: number;
}

/** A sleeping machine stops timers, so the end of the grace is looked for at least this often, on both clocks. */
const graceCheckMs = 1_000;

export function createInFlightRegistry(options: {
  readonly clock: Clock;
  readonly streamGraceMs: number;
  readonly onEvent: OnLeaseEvent;
  /** The last thing under this entry is over. */
  readonly onIdle: (entry: LeaseEntry) => void;
}): InFlightRegistry {
  const { clock, streamGraceMs, onEvent } = options;
  const byEntry = new Map<LeaseEntry, Set<InFlight>>();
  let size = 0;
  let grace: NodeJS.Timeout | undefined;

  function drop(entry: LeaseEntry, held: InFlight): boolean {
    const all = byEntry.get(entry);
    if (all === undefined || !all.delete(held)) return false;
    size -= 1;
    if (all.size === 0) byEntry.delete(entry);
    return true;
  }

  function cutOne(entry: LeaseEntry, held: InFlight, why: AppError): void {
    if (!drop(entry, held)) return;
    try {
      held.cut(why);
      onEvent({ kind: 'cut', code: why.code });
    } catch (cause) {
      onEvent({ kind: 'cut_failed', cause });
    }
  }

  function cutThose(which: (held: InFlight) => boolean, why: AppError): void {
    for (const [entry, all] of byEntry) {
      for (const held of all) if (which(held)) cutOne(entry, held, why);
      if (!byEntry.has(entry)) options.onIdle(entry);
    }
  }

  function endGrace(fellAt: Instant, spentMs: number): void {
    const leftMs = streamGraceMs - spentMs - elapsedMs(fellAt, clock.now());
    if (leftMs <= 0) {
      cutThose(() => true, outOfStep());
      return;
    }
    grace = setTimeout(() => endGrace(fellAt, spentMs), Math.min(Math.ceil(leftMs), graceCheckMs));
    grace.unref();
  }

  return {
    hold(entry, held) {
      const all = byEntry.get(entry);
      if (all === undefined) byEntry.set(entry, new Set([held]));
      else all.add(held);
      size += 1;
      return () => {
        if (drop(entry, held) && !byEntry.has(entry)) options.onIdle(entry);
      };
    },
    isHeld: (entry) => byEntry.has(entry),
    cut(entry, why) {
      for (const held of byEntry.get(entry) ?? []) cutOne(entry, held, why);
    },
    fall(lateMs) {
      cutThose(isUnsent, outOfStep());
      clearTimeout(grace);
      endGrace(clock.now(), lateMs);
    },
    regain() {
      clearTimeout(grace);
      grace = undefined;
    },
    get size() {
      return size;
    },
  };
}

/** Whoever can't say is not spared. */
function isUnsent(held: InFlight): boolean {
  try {
    return !held.isStreaming();
  } catch {
    return true;
  }
}

/** For what takes hold of an entry that is dead already: cut, but not before the caller has the function that says it is over. */
export function cutSoon(cut: InFlight['cut'], why: AppError): () => void {
  let isOver = false;
  queueMicrotask(() => {
    if (isOver) return;
    isOver = true;
    cut(why);
  });
  return () => {
    isOver = true;
  };
}
