// Many sidecars of the revocation bench in one process: of each the whole control side as the product has it (session, watch stream, pings,
// lease cache with a lease in it, confirmations, back-off), and no proxy.
import { randomUUID } from 'node:crypto';
import type { Revocation } from '@leasehold/core';
import { systemClock } from '@leasehold/runtime';
import { createGrpcBroker } from '../../../packages/sidecar/src/adapters/broker/grpc-broker.ts';
import { createKnownRoutes } from '../../../packages/sidecar/src/app/known-routes.ts';
import { createLeaseCache, type LeaseHoldings } from '../../../packages/sidecar/src/app/lease-cache.ts';
import { createRevocationFollower } from '../../../packages/sidecar/src/app/revocation-follower.ts';
import { createStanding } from '../../../packages/sidecar/src/app/standing.ts';
import { patience } from '../../../packages/sidecar/src/patience.ts';

export interface CrowdOrder {
  readonly target: string;
  readonly caPem: string;
  readonly tokens: readonly string[];
  readonly count: number;
  /** Connections begun a second. */
  readonly joinPerS: number;
  readonly credentialId: string;
}

export type CrowdAsk =
  | { readonly kind: 'join'; readonly order: CrowdOrder }
  /** Each borrows, spread over this time. */
  | { readonly kind: 'borrow'; readonly overMs: number }
  /** Answered when each has purged this event. */
  | { readonly kind: 'purged'; readonly seq: number }
  /** Answered when each is in step again after it fell out, or was reset. */
  | { readonly kind: 'back' }
  | { readonly kind: 'end' };

export type CrowdAnswer =
  | { readonly kind: 'joined' | 'borrowed' }
  /** By sidecar, wall clock in ms. */
  | { readonly kind: 'purged'; readonly at: readonly number[] }
  | { readonly kind: 'back'; readonly at: readonly number[]; readonly refusedMs: readonly number[]; readonly attempts: number };

interface CrowdMember {
  borrow(): Promise<void>;
  /** When the event was purged here. */
  purgedAt(seq: number): Promise<number>;
  /** When this one came in step under another epoch than the one it had when asked, and for how long it was out of step till then. */
  back(): Promise<{ readonly at: number; readonly refusedMs: number }>;
  inStep(): Promise<void>;
  readonly attempts: number;
}

/** Where nothing is timed: thousands of members that look often would have no time left to be sidecars. */
const lookEveryMs = 1_000;
const end = new AbortController();
const members: CrowdMember[] = [];
/** What is looked at. */
const awaited = new Set<() => boolean>();
const send = (answer: CrowdAnswer) => process.send?.(answer);

function join({ target, caPem, credentialId }: CrowdOrder, token: string): CrowdMember {
  const purges = new Map<number, PromiseWithResolvers<number>>();
  const purgeOf = (seq: number) => {
    const known = purges.get(seq) ?? Promise.withResolvers<number>();
    purges.set(seq, known);
    return known;
  };
  const standing = createStanding({ clock: systemClock, maxWaiters: 10 });
  let outSince: number | undefined;
  let refusedMs = 0;
  let onRegained = (): void => undefined;
  standing.listen({
    fell: (lateMs) => {
      outSince = Date.now() - lateMs;
    },
    regained: () => {
      refusedMs += outSince === undefined ? 0 : Date.now() - outSince;
      outSince = undefined;
      onRegained();
    },
  });
  const broker = createGrpcBroker({
    target,
    caPem,
    serverName: 'leasehold-broker',
    agentToken: () => token,
    instanceId: randomUUID(),
    instanceName: 'bench',
    clock: systemClock,
    deadlineMs: 2_000,
  });
  const leases = createLeaseCache({
    broker,
    clock: systemClock,
    random: Math.random,
    standing,
    maxEntries: 10,
    maxWaitersPerCredential: 10,
    pauseAfterFailureMs: patience.pauseAfterFailureMs,
    stepWaitMs: 60_000,
    streamGraceMs: 10_000,
    onEvent: () => undefined,
  });
  const holdings: LeaseHoldings = {
    purge(event: Revocation) {
      leases.purge(event);
      purgeOf(event.seq).resolve(Date.now());
    },
    purgeAll() {
      leases.purgeAll();
      for (const { resolve } of purges.values()) resolve(Date.now());
    },
  };
  let attempts = 0;
  const follower = createRevocationFollower({
    broker,
    clock: systemClock,
    random: Math.random,
    backoff: patience.backoff,
    helloTimeoutMs: patience.helloTimeoutMs,
    standing,
    holdings,
    routes: createKnownRoutes(),
    onEvent: ({ kind }) => {
      if (kind === 'disconnected') attempts += 1;
    },
  });
  void follower.run(end.signal).then(() => broker.close());
  return {
    async borrow() {
      for (let isLent = false; !isLent; ) {
        await becomes(() => standing.isInStep(systemClock.now()));
        // On a busy machine it may have fallen out of step meanwhile, or the call takes too long.
        isLent = await leases.borrow(credentialId).then(
          () => true,
          () => false,
        );
      }
    },
    // One that started over at a later place holds nothing older.
    purgedAt: async (seq) => (purges.has(seq) || standing.cursor.seq < seq ? purgeOf(seq).promise : Date.now()),
    back() {
      const { epoch } = standing.cursor;
      attempts = 0;
      refusedMs = 0;
      return new Promise((resolve) => {
        onRegained = () => {
          if (standing.cursor.epoch !== epoch) resolve({ at: Date.now(), refusedMs: Math.round(refusedMs) });
        };
      });
    },
    inStep: () => becomes(() => standing.isInStep(systemClock.now())),
    get attempts() {
      return attempts;
    },
  };
}

async function joinAll(order: CrowdOrder): Promise<void> {
  const begin = performance.now();
  while (members.length < order.count) {
    const due = Math.ceil(((performance.now() - begin) / 1_000) * order.joinPerS);
    while (members.length < Math.min(due, order.count)) members.push(join(order, order.tokens[members.length % order.tokens.length] ?? ''));
    await pause(10);
  }
  await Promise.all(members.map((member) => member.inStep()));
  send({ kind: 'joined' });
}

async function obey(ask: CrowdAsk): Promise<void> {
  switch (ask.kind) {
    case 'join':
      return joinAll(ask.order);
    case 'borrow':
      await Promise.all(
        members.map(async (member) => {
          await pause(Math.random() * ask.overMs);
          await member.borrow();
        }),
      );
      send({ kind: 'borrowed' });
      return;
    case 'purged':
      send({ kind: 'purged', at: await Promise.all(members.map((member) => member.purgedAt(ask.seq))) });
      return;
    case 'back': {
      const backs = await Promise.all(members.map((member) => member.back()));
      const at = backs.map((back) => back.at);
      const refusedMs = backs.map((back) => back.refusedMs);
      send({ kind: 'back', at, refusedMs, attempts: members.reduce((sum, member) => sum + member.attempts, 0) });
      return;
    }
    case 'end':
      end.abort();
      setTimeout(() => process.exit(), 200);
  }
}

/** Looks at all that are waited for in one turn: with a timer of its own for each, looking would take more of the machine than being sidecars. */
function becomes(isSo: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    awaited.add(() => {
      const is = isSo();
      if (is) resolve();
      return is;
    });
  });
}

setInterval(() => {
  for (const look of awaited) if (look()) awaited.delete(look);
}, lookEveryMs);

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

process.on('message', (ask: CrowdAsk) => {
  obey(ask).catch((thrown: unknown) => {
    console.error(thrown);
    process.exit(1);
  });
});

// Nobody is left to tell.
process.on('disconnect', () => process.exit());
