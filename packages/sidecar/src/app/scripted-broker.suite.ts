import type { Clock, LogHead, Revocation } from '@leasehold/core';
import { vi } from 'vitest';
import type { LeaseEntry } from '../domain/lease-entry.ts';
import type { Broker, IssuedLease, RenewedLease, WatchEvents } from '../ports/broker.ts';
import type { FollowerEvent } from './follower-events.ts';
import { createKnownRoutes, type KnownRoutes } from './known-routes.ts';
import { createLeaseCache, type LeaseCache, type LeaseCacheOptions } from './lease-cache.ts';
import type { LeaseEvent } from './lease-events.ts';
import { createRevocationFollower, type RevocationFollower } from './revocation-follower.ts';
import { createStanding, type Standing } from './standing.ts';

/** A broker that does what the test tells it, a clock that can sleep and be stepped, and the sidecar's side around them. */
export interface Rig {
  /** `stall`: time passes, and no timer runs (SIGSTOP, a busy event loop). `sleep`: the monotonic clock stands still, too. */
  readonly clock: Clock & { stall(ms: number): void; sleep(ms: number): void; stepWall(ms: number): void };
  readonly standing: Standing;
  readonly leases: LeaseCache;
  readonly follower: RevocationFollower;
  readonly routes: KnownRoutes;
  readonly acquires: Asked<IssuedLease>[];
  readonly renews: Asked<RenewedLease>[];
  readonly released: string[];
  readonly streams: ScriptedStream[];
  readonly leaseEvents: LeaseEvent[];
  readonly followerEvents: FollowerEvent[];
  /** A connection to the broker comes to stand, for whoever waits for one. */
  connect(): void;
  /** What happened in which order: purges, cuts and confirmations. */
  readonly order: string[];
  /** Starts the follower, says hello and answers the first ping. */
  comeInStep(): Promise<ScriptedStream>;
  /** Borrows, and issues what is asked for. */
  lend(credentialId?: string, changes?: Partial<IssuedLease>): Promise<LeaseEntry>;
  stop(): void;
}

export interface Asked<T> {
  readonly id: string;
  readonly answer: (value: T) => void;
  readonly fail: (why: Error) => void;
}

export interface ScriptedStream {
  readonly start: LogHead | undefined;
  readonly on: WatchEvents;
  readonly pings: number[];
  readonly applied: number[];
  readonly isOver: () => boolean;
  /** While set, each ping is answered at once with this head. */
  answersWith: number | undefined;
}

export const hello = {
  agentId: 'me',
  agentName: 'dev',
  epoch: 'e1',
  cursorSeq: 5,
  headSeq: 5,
  pingIntervalMs: 1_000,
  maxStalenessMs: 3_000,
};

const unlimited = { methods: [], pathPrefixes: [] };

export function issued(changes: Partial<IssuedLease> = {}): IssuedLease {
  const ids = { leaseId: 'l1', grantId: 'g1', version: 1, epoch: 'e1', issuedAtSeq: 5 };
  return { ...ids, ttlMs: 60_000, limits: unlimited, value: new TextEncoder().encode('s3cr3t-value'), ...changes };
}

export function revocation(seq: number, changes: Partial<Revocation> = {}): Revocation {
  return { seq, scope: 'credential', ids: ['c1'], reason: 'revoked', ...changes };
}

/** Lets everything run that is due now. */
export async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

export function createRig(changes: Partial<LeaseCacheOptions> = {}): Rig {
  let slept = 0;
  let stalled = 0;
  let stepped = 0;
  const startedAt = Date.now();
  const clock = {
    now: () => ({ monoMs: Date.now() - startedAt + stalled, wallMs: Date.now() + stalled + slept + stepped }),
    stall: (ms: number) => {
      stalled += ms;
    },
    sleep: (ms: number) => {
      slept += ms;
    },
    stepWall: (ms: number) => {
      stepped += ms;
    },
  };
  const acquires: Asked<IssuedLease>[] = [];
  const renews: Asked<RenewedLease>[] = [];
  const released: string[] = [];
  const streams: ScriptedStream[] = [];
  const connecting: (() => void)[] = [];
  const leaseEvents: LeaseEvent[] = [];
  const followerEvents: FollowerEvent[] = [];
  const order: string[] = [];

  function asked<T>(list: Asked<T>[], id: string): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    list.push({ id, answer: resolve, fail: reject });
    return promise;
  }

  const broker: Broker = {
    acquire: (credentialId) => asked(acquires, credentialId),
    renew: (leaseId) => asked(renews, leaseId),
    release: async (ids) => {
      released.push(...ids);
    },
    reportUse: async () => {},
    connected() {
      const { promise, resolve } = Promise.withResolvers<void>();
      connecting.push(resolve);
      return promise;
    },
    watch(start, on, ended) {
      let isOver = false;
      const stream: ScriptedStream = { start, on, pings: [], applied: [], isOver: () => isOver, answersWith: undefined };
      streams.push(stream);
      ended.addEventListener('abort', () => {
        isOver = true;
      });
      return {
        ping(id) {
          stream.pings.push(id);
          const head = stream.answersWith;
          if (head !== undefined) queueMicrotask(() => on.pong(id, head));
        },
        applied(seq) {
          stream.applied.push(seq);
          order.push(`applied ${seq}`);
        },
      };
    },
  };

  const standing = createStanding({ clock, maxWaiters: 3 });
  const leases = createLeaseCache({
    broker,
    clock,
    standing,
    random: () => 0.5,
    maxEntries: 100,
    maxWaitersPerCredential: 3,
    pauseAfterFailureMs: 200,
    stepWaitMs: 3_000,
    streamGraceMs: 10_000,
    onEvent: (event) => {
      leaseEvents.push(event);
      if (event.kind === 'ended') order.push(`ended ${event.how}`);
      if (event.kind === 'cut') order.push(`cut ${event.code}`);
    },
    ...changes,
  });
  const routes = createKnownRoutes();
  const follower = createRevocationFollower({
    broker,
    clock,
    standing,
    routes,
    random: () => 1,
    backoff: { firstMs: 500, maxMs: 5_000 },
    helloTimeoutMs: 5_000,
    holdings: leases,
    onEvent: (event) => followerEvents.push(event),
  });
  const life = new AbortController();

  async function comeInStep(): Promise<ScriptedStream> {
    void follower.run(life.signal);
    const stream = streams.at(-1);
    if (stream === undefined) throw new Error('no stream was opened');
    stream.answersWith = hello.headSeq;
    stream.on.hello(hello);
    await settle();
    return stream;
  }

  async function lend(credentialId = 'c1', changesOfLease: Partial<IssuedLease> = {}): Promise<LeaseEntry> {
    const borrowed = leases.borrow(credentialId);
    await settle();
    acquires.at(-1)?.answer(issued(changesOfLease));
    return borrowed;
  }

  const stop = (): void => life.abort();
  return {
    clock,
    standing,
    leases,
    follower,
    routes,
    acquires,
    renews,
    released,
    streams,
    leaseEvents,
    followerEvents,
    order,
    connect() {
      for (const connected of connecting.splice(0)) connected();
    },
    comeInStep,
    lend,
    stop,
  };
}
