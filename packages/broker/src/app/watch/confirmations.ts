import { type Clock, elapsedMs, type LogHead } from '@leasehold/core';
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

interface Awaited {
  readonly instance: string;
  afterMs: number | undefined;
}

export function createConfirmations({
  roster,
  clock,
  maxStalenessMs,
  mayHaveForebears,
}: {
  readonly roster: Roster;
  readonly clock: Clock;
  readonly maxStalenessMs: number;
  /** Whether sidecars that were in step with a broker before this one may be in step still: they are on no roster here, and can't be named. */
  readonly mayHaveForebears: boolean;
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
    const awaited = new Map<string, Awaited>();
    const bell = createBell();
    const confirm = (callers: Iterable<SessionClaims>) => {
      const afterMs = beforeMs + elapsedMs(begin, clock.now());
      for (const caller of callers) {
        const sidecar = awaited.get(sidecarKey(caller));
        if (sidecar !== undefined) sidecar.afterMs ??= afterMs;
      }
    };
    const listen = (subscriber: Subscriber) => {
      const head = heads.get(subscriber.caller.tenantId);
      if (head === undefined || !hasApplied(subscriber, head.seq)) return;
      confirm([subscriber.caller]);
      bell.ring();
    };
    for (const [tenantId, { seq }] of heads) {
      for (const caller of awaitedOf(tenantId)) awaited.set(sidecarKey(caller), { instance: caller.instanceName, afterMs: undefined });
      confirm(appliedBy(tenantId, seq));
      listenIn(tenantId, listen);
    }
    const unknownForMs = mayHaveForebears ? maxStalenessMs - elapsedMs(startedAt, begin) : 0;
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
    try {
      let confirmedBefore = -1;
      while (!ended.aborted) {
        const progress = progressOf([...awaited.values()], beforeMs + elapsedMs(begin, clock.now()), isPastBound, isEverybodyKnown);
        if (progress.done) return yield progress;
        if (progress.confirmed.length > confirmedBefore) yield progress;
        confirmedBefore = progress.confirmed.length;
        await bell.heard();
      }
    } finally {
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

function progressOf(awaited: readonly Awaited[], elapsed: number, isPastBound: boolean, isEverybodyKnown: boolean): ConfirmationProgress {
  const confirmed = awaited.flatMap(({ instance, afterMs }) => (afterMs === undefined ? [] : [{ instance, afterMs }]));
  const outstanding = awaited.flatMap(({ instance, afterMs }) => (afterMs === undefined ? [instance] : []));
  confirmed.sort((one, other) => one.afterMs - other.afterMs);
  return {
    total: awaited.length,
    confirmed,
    outstanding,
    elapsedMs: elapsed,
    done: isPastBound || (isEverybodyKnown && outstanding.length === 0),
  };
}

/** Rings that come while nobody listens are folded into one. */
function createBell(): { readonly ring: () => void; heard(): Promise<void> } {
  let next = Promise.withResolvers<void>();
  return {
    ring: () => next.resolve(),
    async heard() {
      await next.promise;
      next = Promise.withResolvers<void>();
    },
  };
}
