import type { Clock } from '@leasehold/core';
import type { UseRecord } from '../ports/broker.ts';
import type { Use, UseLog } from '../ports/use-log.ts';

/** Counts alike uses together until somebody takes them away. */
export interface UseWindow extends UseLog {
  /** What was counted since the last time; undefined when nothing was. */
  take(): { readonly records: readonly UseRecord[]; readonly dropped: number } | undefined;
  /** Counts requests whose record was lost later on. */
  lose(requests: number): void;
}

type Tally = { -readonly [K in keyof UseRecord]: UseRecord[K] };

/** What the broker takes in one batch. */
const maxRecords = 1_000;
/** The last places are kept for records whose path is folded to `*`: an agent that makes up paths still leaves a count per credential. */
const foldedPlaces = 100;
const maxPathLength = 200;

export function createUseWindow(clock: Clock): UseWindow {
  let tallies = new Map<string, Tally>();
  let dropped = 0;

  function count(use: Use, path: string, limit: number, nowMs: number): boolean {
    // A line feed is in none of these: methods are tokens, the others are canonical.
    const key = `${use.leaseId}\n${use.credentialId}\n${use.method}\n${use.authority}\n${path}\n${use.outcome}\n${use.httpStatus}`;
    const tally = tallies.get(key);
    if (tally !== undefined) {
      tally.count += 1;
      tally.lastAtMs = nowMs;
      return true;
    }
    if (tallies.size >= limit) return false;
    tallies.set(key, { ...use, path, count: 1, firstAtMs: nowMs, lastAtMs: nowMs });
    return true;
  }

  return {
    record(use) {
      const nowMs = clock.now().wallMs;
      const path = use.path.length > maxPathLength ? use.path.slice(0, maxPathLength) : use.path;
      if (count(use, path, maxRecords - foldedPlaces, nowMs)) return;
      if (!count(use, '*', maxRecords, nowMs)) dropped += 1;
    },
    take() {
      if (tallies.size === 0 && dropped === 0) return undefined;
      const taken = { records: [...tallies.values()], dropped };
      tallies = new Map();
      dropped = 0;
      return taken;
    },
    lose(requests) {
      dropped += requests;
    },
  };
}
