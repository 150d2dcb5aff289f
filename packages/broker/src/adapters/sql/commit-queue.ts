import { AppError } from '@leasehold/core';

/**
 * What waits for the database. What no agent asks for (operators, the mark on expired leases, the look at the store) goes before everything else and is
 * always taken: who floods the queue must not be able to keep himself from being cut off. All others take turns, an agent with its leases and with its
 * use reports, each with a bounded share (THREATS 34).
 */
export interface CommitQueue<Job> {
  readonly isEmpty: boolean;
  /** Throws AppError `overloaded` when this caller has too much waiting here already, or all of them together. */
  add(job: Job, place: CommitPlace): void;
  /** Undefined when nothing waits. */
  next(): Job | undefined;
}

export type CommitPlace = 'first' | { readonly caller: string; readonly weight: number };

interface Line<Job> {
  readonly waiting: { readonly job: Job; readonly weight: number }[];
  weight: number;
}

/** How many lines it takes to fill what there is: four agents'. */
const shares = 8;

export function createCommitQueue<Job>({ maxWeight }: { readonly maxWeight: number }): CommitQueue<Job> {
  const first: Job[] = [];
  /** By caller, the one whose turn it is at the front. */
  const lines = new Map<string, Line<Job>>();
  let weight = 0;

  return {
    get isEmpty() {
      return first.length === 0 && lines.size === 0;
    },
    add(job, place) {
      if (place === 'first') {
        first.push(job);
        return;
      }
      const line = lines.get(place.caller) ?? { waiting: [], weight: 0 };
      // However heavy it is: one that has nothing waiting is taken as long as there is room at all.
      const isTooMuch = line.weight > 0 && line.weight + place.weight > maxWeight / shares;
      if (isTooMuch || weight >= maxWeight) {
        throw new AppError('overloaded', 'Too many changes wait for the database. Try again shortly.', { retryAfterS: 1 });
      }
      line.waiting.push({ job, weight: place.weight });
      line.weight += place.weight;
      weight += place.weight;
      lines.set(place.caller, line);
    },
    next() {
      const urgent = first.shift();
      if (urgent !== undefined) return urgent;
      for (const [caller, line] of lines) {
        const turn = line.waiting.shift();
        // To the end of the row, or out of it.
        lines.delete(caller);
        if (turn === undefined) continue;
        line.weight -= turn.weight;
        weight -= turn.weight;
        if (line.waiting.length > 0) lines.set(caller, line);
        return turn.job;
      }
      return undefined;
    },
  };
}
