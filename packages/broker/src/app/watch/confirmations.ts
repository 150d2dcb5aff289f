import { type Clock, elapsedMs } from '@leasehold/core';
import type { ConfirmationProgress, RevocationReceipt } from '../../ports/use-cases.ts';
import { type Roster, sidecarKey } from './roster.ts';
import type { Subscriber } from './subscriber.ts';

/** Follows which sidecars have applied a revocation. */
export interface Confirmations {
  follow(tenantId: string, receipt: RevocationReceipt, ended: AbortSignal): AsyncIterable<ConfirmationProgress>;
  /** Says that a stream was greeted, or confirmed something. */
  moved(subscriber: Subscriber): void;
}

interface Awaited {
  readonly instance: string;
  afterMs: number | undefined;
}

export function createConfirmations({
  roster,
  clock,
  maxStalenessMs,
}: {
  readonly roster: Roster;
  readonly clock: Clock;
  readonly maxStalenessMs: number;
}): Confirmations {
  const followers = new Map<string, Set<(subscriber: Subscriber) => void>>();

  /** Who was connected, or may not have closed itself yet, when the following began: a sidecar that comes later has nothing older. */
  const awaitedOf = (tenantId: string): ReadonlyMap<string, Awaited> => {
    const callers = [...[...roster.departedOf(tenantId).values()], ...roster.ofTenant(tenantId)].map(({ caller }) => caller);
    return new Map(callers.map((caller) => [sidecarKey(caller), { instance: caller.instanceName, afterMs: undefined }]));
  };

  const appliedBy = (tenantId: string, seq: number): ReadonlySet<string> => {
    const connected = [...roster.ofTenant(tenantId)].filter((subscriber) => hasApplied(subscriber, seq));
    const departed = [...roster.departedOf(tenantId).values()].filter(({ appliedSeq }) => appliedSeq >= seq);
    return new Set([...connected, ...departed].map(({ caller }) => sidecarKey(caller)));
  };

  async function* follow(
    tenantId: string,
    { head, committedAt }: RevocationReceipt,
    ended: AbortSignal,
  ): AsyncGenerator<ConfirmationProgress> {
    const begin = clock.now();
    // Counted here, not by the difference to the database's clock: a skewed clock must not let us call a sidecar closed too early.
    const beforeMs = Math.min(Math.max(0, begin.wallMs - committedAt), maxStalenessMs);
    const awaited = awaitedOf(tenantId);
    const bell = createBell();
    const confirm = (keys: Iterable<string>) => {
      const afterMs = beforeMs + elapsedMs(begin, clock.now());
      for (const key of keys) {
        const sidecar = awaited.get(key);
        if (sidecar !== undefined) sidecar.afterMs ??= afterMs;
      }
    };
    confirm(appliedBy(tenantId, head.seq));
    const listen = (subscriber: Subscriber) => {
      if (!hasApplied(subscriber, head.seq)) return;
      confirm([sidecarKey(subscriber.caller)]);
      bell.ring();
    };
    const followersOfTenant = followers.get(tenantId) ?? new Set();
    followers.set(tenantId, followersOfTenant.add(listen));
    let isPastBound = false;
    const deadline = setTimeout(() => {
      isPastBound = true;
      bell.ring();
    }, maxStalenessMs);
    ended.addEventListener('abort', bell.ring);
    try {
      let confirmedBefore = 0;
      while (!ended.aborted) {
        const progress = progressOf([...awaited.values()], beforeMs + elapsedMs(begin, clock.now()), isPastBound);
        if (progress.done) return yield progress;
        if (progress.confirmed.length > confirmedBefore) yield progress;
        confirmedBefore = progress.confirmed.length;
        await bell.heard();
      }
    } finally {
      clearTimeout(deadline);
      ended.removeEventListener('abort', bell.ring);
      followersOfTenant.delete(listen);
      if (followersOfTenant.size === 0) followers.delete(tenantId);
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

function progressOf(awaited: readonly Awaited[], elapsed: number, isPastBound: boolean): ConfirmationProgress {
  const confirmed = awaited.flatMap(({ instance, afterMs }) => (afterMs === undefined ? [] : [{ instance, afterMs }]));
  const outstanding = awaited.flatMap(({ instance, afterMs }) => (afterMs === undefined ? [instance] : []));
  confirmed.sort((one, other) => one.afterMs - other.afterMs);
  return { total: awaited.length, confirmed, outstanding, elapsedMs: elapsed, done: isPastBound || outstanding.length === 0 };
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
