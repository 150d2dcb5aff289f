import { type Clock, elapsedMs, type Instant, type LogHead } from '@leasehold/core';
import type { ConfirmationProgress, SessionClaims } from '../../ports/use-cases.ts';
import { type Roster, sidecarKey } from './roster.ts';
import type { Subscriber } from './subscriber.ts';

/** Follows which sidecars have applied a revocation. */
export interface Confirmations {
  /** The sidecars of each tenant up to its head. */
  follow(heads: Heads, committedAt: number, ended: AbortSignal): AsyncIterable<ConfirmationProgress>;
  /** Says that a stream was greeted, or confirmed something. */
  moved(subscriber: Subscriber): void;
}

/** By tenant: where its log stood when what is followed was committed, or later. */
export type Heads = ReadonlyMap<string, LogHead>;

/** While thousands confirm, a step each of them would be more work for the broker than their revocation. */
const stepEveryMs = 50;
const namesInStep = 10;

export function createConfirmations({
  roster,
  clock,
  maxStalenessMs,
  forebearsMs,
}: {
  readonly roster: Roster;
  readonly clock: Clock;
  readonly maxStalenessMs: number;
  /** How long sidecars that were in step with a broker before this one may be so after its start: they are on no roster here, and can't be named. */
  readonly forebearsMs: number;
}): Confirmations {
  const startedAt = clock.now();
  const followers = new Map<string, Set<(subscriber: Subscriber) => void>>();

  /** Who was connected, or may not have closed itself yet, when the following began: a sidecar that comes later has nothing older. */
  const awaitedOf = (tenantId: string): readonly SessionClaims[] =>
    [...roster.departedOf(tenantId).values(), ...roster.ofTenant(tenantId)].map(({ caller }) => caller);

  const appliedBy = (tenantId: string, seq: number): readonly SessionClaims[] => {
    const connected = [...roster.ofTenant(tenantId)].filter((subscriber) => hasApplied(subscriber, seq));
    const departed = [...roster.departedOf(tenantId).values()].filter(({ appliedSeq }) => appliedSeq >= seq);
    return [...connected, ...departed].map(({ caller }) => caller);
  };

  /** For how long somebody may be in step here whom this broker can't name: of its forebears, or forgotten. */
  const unknownFor = (tenantIds: Iterable<string>, now: Instant): number => {
    let longest = forebearsMs - elapsedMs(startedAt, now);
    for (const id of tenantIds) longest = Math.max(longest, roster.forgottenForMs(id));
    return longest;
  };

  const listenIn = (tenantId: string, listen: (subscriber: Subscriber) => void): void => {
    followers.set(tenantId, (followers.get(tenantId) ?? new Set()).add(listen));
  };

  const leave = (tenantId: string, listen: (subscriber: Subscriber) => void): void => {
    const listening = followers.get(tenantId);
    listening?.delete(listen);
    if (listening?.size === 0) followers.delete(tenantId);
  };

  async function* follow(heads: Heads, committedAt: number, ended: AbortSignal): AsyncGenerator<ConfirmationProgress> {
    const begin = clock.now();
    // Counted here, not by the difference to the database's clock: a skewed clock must not let us call a sidecar closed too early.
    const beforeMs = Math.min(Math.max(0, begin.wallMs - committedAt), maxStalenessMs);
    const outstanding = new Map<string, string>();
    const confirmed: ConfirmationProgress['confirmed'][number][] = [];
    const bell = createBell();
    let told = 0;
    const confirm = (callers: Iterable<SessionClaims>) => {
      const afterMs = beforeMs + elapsedMs(begin, clock.now());
      for (const caller of callers) if (outstanding.delete(sidecarKey(caller))) confirmed.push({ instance: caller.instanceName, afterMs });
    };
    const listen = (subscriber: Subscriber) => {
      const head = heads.get(subscriber.caller.tenantId);
      if (head === undefined || !hasApplied(subscriber, head.seq)) return;
      confirm([subscriber.caller]);
      if (outstanding.size === 0) bell.ring();
      else if (confirmed.length > told) bell.ringWithin(stepEveryMs);
    };
    for (const [tenantId, { seq }] of heads) {
      for (const caller of awaitedOf(tenantId)) outstanding.set(sidecarKey(caller), caller.instanceName);
      confirm(appliedBy(tenantId, seq));
      listenIn(tenantId, listen);
    }
    const total = outstanding.size + confirmed.length;
    const unknownForMs = unknownFor(heads.keys(), begin);
    let isEverybodyKnown = unknownForMs <= 0;
    const waiting = setTimeout(() => {
      isEverybodyKnown = true;
      bell.ring();
    }, unknownForMs);
    let isPastBound = false;
    const deadline = setTimeout(() => {
      isPastBound = true;
      bell.ring();
    }, maxStalenessMs);
    ended.addEventListener('abort', bell.ring);
    const step = (): ConfirmationProgress => {
      const done = isEverybodyKnown && (isPastBound || outstanding.size === 0);
      const names = [...outstanding.values()];
      return {
        total,
        confirmedCount: confirmed.length,
        confirmed: done ? [...confirmed] : confirmed.slice(told),
        outstanding: done ? names : names.slice(0, namesInStep),
        elapsedMs: beforeMs + elapsedMs(begin, clock.now()),
        done,
      };
    };
    try {
      let isFirst = true;
      while (!ended.aborted) {
        const progress = step();
        const hasNews = isFirst || progress.done || confirmed.length > told;
        [isFirst, told] = [false, confirmed.length];
        if (hasNews) yield progress;
        if (progress.done) return;
        await bell.heard();
      }
    } finally {
      bell.hush();
      clearTimeout(deadline);
      clearTimeout(waiting);
      ended.removeEventListener('abort', bell.ring);
      for (const tenantId of heads.keys()) leave(tenantId, listen);
    }
  }

  return {
    follow,
    moved(subscriber) {
      for (const listen of followers.get(subscriber.caller.tenantId) ?? []) listen(subscriber);
    },
  };
}

/** A sidecar that was greeted at a later place held nothing older. */
function hasApplied({ sentSeq, appliedSeq }: Subscriber, seq: number): boolean {
  return sentSeq !== undefined && appliedSeq >= seq;
}

interface Bell {
  ring(): void;
  ringWithin(ms: number): void;
  hush(): void;
  heard(): Promise<void>;
}

/** Rings that come while nobody listens are folded into one. */
function createBell(): Bell {
  let next = Promise.withResolvers<void>();
  let soon: NodeJS.Timeout | undefined;
  const ring = () => next.resolve();
  return {
    ring,
    ringWithin(ms) {
      soon ??= setTimeout(ring, ms);
    },
    hush: () => clearTimeout(soon),
    async heard() {
      await next.promise;
      clearTimeout(soon);
      soon = undefined;
      next = Promise.withResolvers<void>();
    },
  };
}
