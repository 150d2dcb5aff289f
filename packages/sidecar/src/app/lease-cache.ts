import { type AppError, type Clock, elapsedMs, type Instant, type Revocation } from '@leasehold/core';
import { LRUCache } from 'lru-cache';
import { coverage } from '../domain/coverage.ts';
import type { LeaseEntry } from '../domain/lease-entry.ts';
import { isExpired, refusal, timeLeftMs } from '../domain/lease-liveness.ts';
import { createTombstones } from '../domain/tombstones.ts';
import type { Broker } from '../ports/broker.ts';
import type { Leases } from '../ports/leases.ts';
import { createInFlightRegistry, cutSoon } from './in-flight.ts';
import { createLeaseAcquisition } from './lease-acquisition.ts';
import { evicted, expired, type LeaseEnding, outOfStep, revoked, stopping } from './lease-endings.ts';
import type { OnLeaseEvent } from './lease-events.ts';
import { createLeaseUpkeep, type TrackedLease } from './lease-upkeep.ts';
import type { Standing } from './standing.ts';

/** What a revocation takes away. All of it happens before the call returns. */
export interface LeaseHoldings {
  /** Drops and wipes what the event covers, cuts what is in flight under it, and keeps late answers from bringing it back. */
  purge(event: Revocation): void;
  /** Nothing known so far holds: drops, wipes and cuts everything. */
  purgeAll(): void;
}

export interface LeaseCache extends Leases, LeaseHoldings {
  /** Leases in hand. */
  readonly size: number;
  /** Requests and streams under a lease. */
  readonly inFlight: number;
  /** Revocations remembered for answers that are still on their way. */
  readonly tombstones: number;
  /** Gives all leases back (best effort), wipes everything, cuts what is left. */
  close(): Promise<void>;
}

export interface LeaseCacheOptions {
  readonly broker: Pick<Broker, 'acquire' | 'renew' | 'release'>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly standing: Standing;
  readonly maxEntries: number;
  readonly maxWaitersPerCredential: number;
  readonly pauseAfterFailureMs: number;
  /** How long a request waits for the sidecar to come in step while a stream is being set up. */
  readonly stepWaitMs: number;
  readonly streamGraceMs: number;
  readonly onEvent: OnLeaseEvent;
}

/** More events than this while one Acquire is open, and its answer is thrown away. */
const maxTombstones = 4_096;
const releaseChunk = 1_000;
/** A lease that is younger is not asked for again because it allows too little: the routes are behind it, rather than it behind them. */
const newMs = 1_000;
const lastMomentMs = 2_000;

export function createLeaseCache(options: LeaseCacheOptions): LeaseCache {
  const { broker, clock, random, standing, onEvent } = options;
  const tombstones = createTombstones({ maxEvents: maxTombstones });
  /** In hand, or with something in flight under it: an entry out of hand has no secret any more, but its stream still needs a live lease. */
  const tracked = new Set<TrackedLease>();
  const trackedBy = new WeakMap<LeaseEntry, TrackedLease>();
  const endings = new WeakMap<LeaseEntry, AppError>();
  const hand = new LRUCache<string, TrackedLease>({
    max: options.maxEntries,
    dispose: (lease, _, reason) => {
      const { entry } = lease;
      // One that another took the place of is as good as that for what waits under it.
      lease.isReplaced = reason === 'set' || reason === 'evict';
      if (reason === 'set') onEvent({ kind: 'ended', credentialId: entry.credentialId, how: 'replaced' });
      else entry.secret.wipe();
      if (reason === 'evict') noteEnd(entry, 'evicted', evicted());
    },
    disposeAfter: (lease) => letGoIfIdle(lease),
  });

  const inFlight = createInFlightRegistry({
    clock,
    streamGraceMs: options.streamGraceMs,
    onEvent,
    onIdle: (entry) => {
      const lease = trackedBy.get(entry);
      if (lease !== undefined) letGoIfIdle(lease);
    },
  });
  const upkeep = createLeaseUpkeep({
    broker,
    clock,
    random,
    standing,
    tombstones,
    isHeld: inFlight.isHeld,
    isTracked: (lease) => tracked.has(lease),
    onEnded: (lease, how, why) => end([lease], how, why),
    onEvent,
  });
  const acquisition = createLeaseAcquisition({ ...options, tombstones, keep });

  function noteEnd(entry: LeaseEntry, how: LeaseEnding, why: AppError): void {
    endings.set(entry, why);
    onEvent({ kind: 'ended', credentialId: entry.credentialId, how });
  }

  function keep(entry: LeaseEntry): void {
    const lease = upkeep.track(entry);
    tracked.add(lease);
    trackedBy.set(entry, lease);
    hand.set(entry.credentialId, lease);
  }

  function isInHand(lease: TrackedLease): boolean {
    return hand.peek(lease.entry.credentialId) === lease;
  }

  function letGoIfIdle(lease: TrackedLease): void {
    const { entry } = lease;
    if (!tracked.has(lease) || isInHand(lease) || inFlight.isHeld(entry)) return;
    untrack(lease);
    if (lease.isReplaced) release([entry.leaseId]).catch(leftToRunOut);
  }

  function untrack(lease: TrackedLease): void {
    tracked.delete(lease);
    upkeep.untrack(lease);
    lease.entry.secret.wipe();
  }

  async function release(ids: readonly string[]): Promise<void> {
    for (let at = 0; at < ids.length; at += releaseChunk) await broker.release(ids.slice(at, at + releaseChunk));
  }

  /** All secrets are gone before the first cut: a cut may take its time. */
  function end(leases: readonly TrackedLease[], how: LeaseEnding, why: AppError): void {
    for (const lease of leases) {
      untrack(lease);
      if (isInHand(lease)) {
        hand.delete(lease.entry.credentialId);
        noteEnd(lease.entry, how, why);
      } else {
        endings.set(lease.entry, why);
      }
    }
    for (const lease of leases) inFlight.cut(lease.entry, why);
  }

  function endExpired(now: Instant): void {
    const over = [...tracked].filter((lease) => isExpired(lease.entry, now));
    end(over, 'expired', expired());
  }

  function usable(credentialId: string, now: Instant): LeaseEntry | undefined {
    const lease = hand.get(credentialId);
    if (lease === undefined || refusal(lease.entry, now, standing.cursor) !== undefined) return undefined;
    // It lay idle since its renewal was due, and has less left than a renewal and a handshake may take: a new one takes its place.
    if (lease.isDue && !lease.isUsed && timeLeftMs(lease.entry, now) < lastMomentMs) return undefined;
    if (!lease.isUsed) {
      lease.isUsed = true;
      if (lease.isDue) upkeep.renewNow(lease);
    }
    return lease.entry;
  }

  standing.listen({
    // INV-5: the secrets go now. What still streams keeps its lease's record, without the secret, until its grace is over.
    fell(lateMs) {
      endExpired(clock.now());
      for (const { entry } of hand.values()) noteEnd(entry, 'out_of_step', outOfStep());
      for (const { entry } of tracked) entry.secret.wipe();
      hand.clear();
      inFlight.fall(lateMs);
    },
    regained() {
      inFlight.regain();
      endExpired(clock.now());
    },
  });

  return {
    inHand: usable,
    async borrow(credentialId, insteadOf) {
      if (!standing.isInStep(clock.now())) await standing.untilInStep(options.stepWaitMs);
      const now = clock.now();
      const entry = usable(credentialId, now);
      const isTooOld = entry !== undefined && entry === insteadOf && elapsedMs(entry.lentAt, now) >= newMs;
      return entry === undefined || isTooOld ? acquisition.acquire(credentialId) : entry;
    },
    refusal(entry, now) {
      const code = refusal(entry, now, standing.cursor);
      if (code === undefined) return undefined;
      return endings.get(entry) ?? (code === 'out_of_step' ? outOfStep() : expired());
    },
    hold(entry, held) {
      const lease = trackedBy.get(entry);
      if (lease !== undefined && tracked.has(lease)) return inFlight.hold(entry, held);
      return cutSoon(held.cut, endings.get(entry) ?? expired());
    },
    purge(event) {
      tombstones.bury(event, standing.agentId);
      const covers = coverage(event, standing.agentId);
      const covered = [...tracked].filter((lease) => covers(lease.entry));
      end(covered, 'revoked', revoked(event.reason));
    },
    purgeAll() {
      tombstones.reset();
      end([...tracked], 'out_of_step', outOfStep());
    },
    get size() {
      return hand.size;
    },
    get inFlight() {
      return inFlight.size;
    },
    get tombstones() {
      return tombstones.size;
    },
    async close() {
      acquisition.close();
      const ids = [...tracked].map((lease) => lease.entry.leaseId);
      end([...tracked], 'released', stopping());
      inFlight.regain();
      await release(ids).catch(leftToRunOut);
    },
  };
}

/** What the broker does not hear of ends by itself. */
const leftToRunOut = (): void => undefined;
