import { AppError, type Clock, elapsedMs, type LogHead } from '@leasehold/core';
import type { RevocationSignal } from '../ports/revocation-signal.ts';
import type { RevocationLog } from '../ports/store.ts';
import type { LendingUseCases } from '../ports/use-cases.ts';
import type { WatchHub } from '../ports/watch-stream.ts';
import type { Watchers } from '../ports/watchers.ts';
import { createConfirmations } from './watch/confirmations.ts';
import { createPace } from './watch/pace.ts';
import { createRoster } from './watch/roster.ts';
import { createRounds } from './watch/rounds.ts';
import { createRouteRefresh } from './watch/route-refresh.ts';
import { createSubscriber, type Subscriber } from './watch/subscriber.ts';
import { withinTime } from './watch/within-time.ts';

export interface WatchRevocationsOptions {
  readonly log: RevocationLog;
  readonly routesOf: LendingUseCases['routesOf'];
  readonly signal: RevocationSignal;
  readonly clock: Clock;
  readonly pingIntervalMs: number;
  readonly maxStalenessMs: number;
  /** How long sidecars of a broker before this one may be in step after its start, ms; as long as its own, if it is not said. */
  readonly forebearsMs?: number;
  readonly pollMs?: number;
  /** Events that a stream may be behind before it has to start over. */
  readonly maxReplay?: number;
  readonly maxStreams?: number;
  /** How many of them may be one agent's. */
  readonly maxStreamsPerAgent?: number;
  /** Lets the event loop turn; called after each ~500 writes. */
  readonly breathe?: () => Promise<void>;
  /** A sidecar confirmed an event this many ms after its commit; once for each event and sidecar. */
  readonly onConfirmed?: (latencyMs: number) => void;
  /** What kept a round from being served, for logs' safe fields. */
  readonly onFault?: (thrown: unknown) => void;
  /** Ends every stream and timer. */
  readonly ended: AbortSignal;
}

/** How often the log is looked at though nothing woke the hub: the backstop for lost wake-ups, ms. */
export const backstopPollMs = 1_000;
const writesPerBreath = 500;
/** How long who could not be served is left alone, ms: pings alone must not turn a store that can't be read into a storm. */
const restAfterFaultMs = 100;

/** Every sidecar's stream of this replica: sends events, routes and pongs, and knows who has confirmed what. */
export function createWatchRevocations({
  log,
  routesOf,
  signal,
  clock,
  pingIntervalMs,
  maxStalenessMs,
  forebearsMs = maxStalenessMs,
  pollMs = backstopPollMs,
  maxReplay = 5_000,
  maxStreams = 20_000,
  maxStreamsPerAgent = 5_000,
  breathe = nextTurn,
  onConfirmed = () => {},
  onFault = () => {},
  ended,
}: WatchRevocationsOptions): WatchHub & Watchers {
  const roster = createRoster({ clock, maxStalenessMs });
  const confirmations = createConfirmations({ roster, clock, maxStalenessMs, forebearsMs });
  let fresh = new Set<Subscriber>();
  let asking = new Set<Subscriber>();
  /** Whose log could not be read; they are looked at again a little later, and nobody else waits for that. */
  const resting = new Set<Subscriber>();
  let isEveryone = false;
  let isRunning = false;

  const rounds = createRounds({
    log,
    roster,
    pace: createPace(writesPerBreath, breathe),
    pingIntervalMs,
    maxStalenessMs,
    maxReplay,
    onGreeted: (subscriber) => {
      confirmations.moved(subscriber);
      routes.want(subscriber);
    },
    onFault,
  });
  const ask = (subscriber: Subscriber) => {
    if (resting.has(subscriber)) return;
    asking.add(subscriber);
    start();
  };
  const rest = (unserved: ReadonlySet<Subscriber>) => {
    if (unserved.size === 0) return;
    // One timer for all: however many they are, they are looked at again by one read.
    if (resting.size === 0) setTimeout(wakeResting, restAfterFaultMs).unref();
    for (const subscriber of unserved) resting.add(subscriber);
  };
  const wakeResting = () => {
    const rested = [...resting];
    resting.clear();
    for (const subscriber of rested) ask(subscriber);
  };
  const routes = createRouteRefresh({ log, routesOf, roster, breathe, timeLimitMs: maxStalenessMs, onStaged: ask, onFault, ended });

  const run = async (): Promise<void> => {
    if (isRunning) return;
    isRunning = true;
    try {
      while (!ended.aborted && (isEveryone || fresh.size > 0 || asking.size > 0)) {
        // What else comes in this turn shares the read.
        await breathe();
        const waiting = { fresh, asking, isEveryone };
        fresh = new Set();
        asking = new Set();
        isEveryone = false;
        rest(await rounds.run(waiting));
      }
    } finally {
      isRunning = false;
    }
  };
  const start = () => {
    run().catch(onFault);
  };
  const wake = () => {
    if (roster.size === 0) return;
    isEveryone = true;
    start();
    routes.check();
  };
  const leave = (subscriber: Subscriber) => {
    const { tenantId } = subscriber.caller;
    subscriber.leave();
    roster.leave(subscriber);
    fresh.delete(subscriber);
    asking.delete(subscriber);
    resting.delete(subscriber);
    if (!roster.hasTenant(tenantId)) rounds.forget(tenantId);
  };

  signal.subscribe(wake, ended);
  const poll = setInterval(() => {
    roster.prune();
    wake();
  }, pollMs);
  poll.unref();
  ended.addEventListener('abort', () => {
    clearInterval(poll);
    const error = new AppError('broker_unreachable', 'This broker is stopping. Connect again.', { retryAfterS: 1 });
    for (const subscriber of [...roster.all()]) subscriber.end({ kind: 'error', error });
  });

  return {
    attach(caller, begin, sink, streamEnded) {
      const subscriber = createSubscriber({
        caller,
        start: begin,
        sink,
        connectedAt: clock.now(),
        onEnd: () => leave(subscriber),
        onFault,
      });
      const isAgentFull = roster.countOfAgent(caller.agentId) >= maxStreamsPerAgent;
      const isFull = roster.size >= maxStreams;
      const other = isFull && !isAgentFull ? roster.givingWayTo(caller.tenantId) : undefined;
      if (ended.aborted || streamEnded.aborted || isAgentFull || (isFull && other === undefined)) {
        subscriber.end({ kind: 'error', error: full(isAgentFull) });
        return { ping: () => {}, applied: () => {} };
      }
      // A tenant that takes all there is makes room for the others.
      other?.end({ kind: 'error', error: full(false) });
      // Subscribed before it reads: whatever is committed from here on either is in the head that greets it, or wakes it up.
      roster.join(subscriber);
      streamEnded.addEventListener('abort', () => leave(subscriber), { once: true });
      fresh.add(subscriber);
      start();
      return {
        ping(id) {
          subscriber.ping(id);
          if (subscriber.isOpen) ask(subscriber);
        },
        applied(seq) {
          const from = subscriber.appliedSeq;
          subscriber.confirm(seq);
          const feed = rounds.feedOf(caller.tenantId);
          const { wallMs } = clock.now();
          for (let applied = from + 1; applied <= subscriber.appliedSeq; applied++) {
            const committedAt = feed?.committedAt(applied);
            if (committedAt !== undefined) onConfirmed(Math.max(0, wallMs - committedAt));
          }
          confirmations.moved(subscriber);
        },
      };
    },
    connected: () =>
      [...roster.all()].map(({ caller, appliedSeq, connectedAt }) => ({
        tenantId: caller.tenantId,
        agentId: caller.agentId,
        instanceName: caller.instanceName,
        appliedSeq,
        connectedForMs: elapsedMs(connectedAt, clock.now()),
      })),
    confirmations: (tenantId, { head, committedAt }, followed) => confirmations.follow(new Map([[tenantId, head]]), committedAt, followed),
    confirmationsOfAll: async function* (committedAt, followed) {
      // Read after the caller's commit, so each head covers it; what another commits meanwhile is waited for, too.
      const heads = new Map<string, LogHead>();
      for (const [tenantId, head] of await withinTime(log.heads([...roster.tenantsSeen()]), maxStalenessMs))
        if (!(head instanceof AppError)) heads.set(tenantId, head);
      yield* confirmations.follow(heads, committedAt, followed);
    },
  };
}

function full(isAgentFull: boolean): AppError {
  const what = isAgentFull ? 'This agent has as many sidecars as it may have here' : 'This broker serves as many sidecars as it can';
  return new AppError('overloaded', `${what}. Try again, or try another replica.`, { retryAfterS: 2 });
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
