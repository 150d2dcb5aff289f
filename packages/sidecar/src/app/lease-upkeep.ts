import { AppError, type Clock, elapsedMs } from '@leasehold/core';
import { type Backoff, backoffMs } from '../domain/backoff.ts';
import type { LeaseEntry } from '../domain/lease-entry.ts';
import { isExpired, timeLeftMs } from '../domain/lease-liveness.ts';
import { endsLease, renewAfterMs } from '../domain/renewal.ts';
import type { Tombstones } from '../domain/tombstones.ts';
import type { Broker } from '../ports/broker.ts';
import { expired } from './lease-endings.ts';
import type { OnLeaseEvent } from './lease-events.ts';
import type { Standing } from './standing.ts';

/** A lease that somebody may still use, or that something in flight runs under. */
export interface TrackedLease {
  readonly entry: LeaseEntry;
  /** Since it was issued or last renewed. */
  isUsed: boolean;
  /** Its time to be renewed came while nobody used it: the next use starts the renewal. */
  isDue: boolean;
  isRenewing: boolean;
  /** Another took its place in hand, or its room: it is given back when nothing needs it any more. */
  isReplaced: boolean;
  expiry: NodeJS.Timeout | undefined;
  renewal: NodeJS.Timeout | undefined;
}

/** Keeps tracked leases alive while they are needed, and ends them when their time is over. */
export interface LeaseUpkeep {
  track(entry: LeaseEntry): TrackedLease;
  /** Stops its timers; an answer that is under way is thrown away. */
  untrack(tracked: TrackedLease): void;
  renewNow(tracked: TrackedLease): void;
}

/** A sleeping machine stops timers, so the end of a lease is looked for at least this often, on both clocks: a stream must not outlive it. */
const expiryCheckMs = 1_000;

const retryBackoff: Backoff = { firstMs: 500, maxMs: 10_000 };

export function createLeaseUpkeep(options: {
  readonly broker: Pick<Broker, 'renew'>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly standing: Standing;
  readonly tombstones: Tombstones;
  readonly isHeld: (entry: LeaseEntry) => boolean;
  readonly isTracked: (tracked: TrackedLease) => boolean;
  readonly onEnded: (tracked: TrackedLease, how: 'expired' | 'refused', why: AppError) => void;
  readonly onEvent: OnLeaseEvent;
}): LeaseUpkeep {
  const { clock, random, standing, tombstones, isTracked, onEvent } = options;

  function arm(tracked: TrackedLease): void {
    const { entry } = tracked;
    armExpiry(tracked);
    const dueInMs = renewAfterMs(entry.ttlMs, random()) - elapsedMs(entry.requestedAt, clock.now());
    armRenewal(tracked, dueInMs, () => fallDue(tracked));
  }

  function armExpiry(tracked: TrackedLease): void {
    clearTimeout(tracked.expiry);
    const leftMs = timeLeftMs(tracked.entry, clock.now());
    tracked.expiry = setTimeout(() => expire(tracked), Math.min(Math.max(0, Math.ceil(leftMs)), expiryCheckMs));
    tracked.expiry.unref();
  }

  function expire(tracked: TrackedLease): void {
    if (!isTracked(tracked)) return;
    if (isExpired(tracked.entry, clock.now())) options.onEnded(tracked, 'expired', expired());
    else armExpiry(tracked);
  }

  function armRenewal(tracked: TrackedLease, inMs: number, run: () => void): void {
    clearTimeout(tracked.renewal);
    tracked.renewal = setTimeout(run, Math.max(0, Math.ceil(inMs)));
    tracked.renewal.unref();
  }

  function fallDue(tracked: TrackedLease): void {
    tracked.isDue = true;
    if (tracked.isUsed || options.isHeld(tracked.entry)) renewNow(tracked);
  }

  function renewNow(tracked: TrackedLease, attempt = 0): void {
    if (tracked.isRenewing || !isTracked(tracked)) return;
    tracked.isRenewing = true;
    // Owned: `renew` catches everything, and untracking makes its answer void.
    void renew(tracked, attempt);
  }

  async function renew(tracked: TrackedLease, attempt: number): Promise<void> {
    const { entry } = tracked;
    try {
      await ask(entry, tracked);
      tracked.isRenewing = false;
    } catch (thrown) {
      tracked.isRenewing = false;
      const why = AppError.from(thrown);
      onEvent({ kind: 'renew_failed', credentialId: entry.credentialId, code: why.code });
      if (!isTracked(tracked)) return;
      if (endsLease(why.code)) options.onEnded(tracked, 'refused', why);
      else armRenewal(tracked, backoffMs(retryBackoff, attempt, random()), () => renewNow(tracked, attempt + 1));
    }
  }

  async function ask(entry: LeaseEntry, tracked: TrackedLease): Promise<void> {
    const question = tombstones.open({ epoch: entry.epoch, seq: standing.cursor.seq });
    try {
      const requestedAt = clock.now();
      const answer = await options.broker.renew(entry.leaseId);
      // The entry may have been revoked, replaced or have run out while we asked: late answers bring nothing back.
      const { leaseId, grantId, credentialId } = entry;
      const flaw = answer.leaseId === leaseId ? tombstones.flaw(question, { ...answer, grantId, credentialId }) : ('other_lease' as const);
      if (flaw !== undefined) {
        onEvent({ kind: 'discarded', credentialId, flaw });
        throw new AppError('out_of_step', 'The broker answered a renewal too late to count.');
      }
      if (!isTracked(tracked) || isExpired(entry, clock.now())) return;
      entry.requestedAt = requestedAt;
      entry.ttlMs = answer.ttlMs;
      tracked.isUsed = false;
      tracked.isDue = false;
      onEvent({ kind: 'renewed', credentialId });
      arm(tracked);
    } finally {
      tombstones.close(question);
    }
  }

  return {
    track(entry) {
      const tracked: TrackedLease = {
        entry,
        isUsed: true,
        isDue: false,
        isRenewing: false,
        isReplaced: false,
        expiry: undefined,
        renewal: undefined,
      };
      arm(tracked);
      return tracked;
    },
    untrack(tracked) {
      clearTimeout(tracked.expiry);
      clearTimeout(tracked.renewal);
    },
    renewNow,
  };
}
