import type { SessionClaims } from '../../packages/broker/src/ports/use-cases.ts';
import { createKnownRoutes } from '../../packages/sidecar/src/app/known-routes.ts';
import { createLeaseCache, type LeaseCache } from '../../packages/sidecar/src/app/lease-cache.ts';
import { createRevocationFollower } from '../../packages/sidecar/src/app/revocation-follower.ts';
import { createStanding } from '../../packages/sidecar/src/app/standing.ts';
import type { LeaseEntry } from '../../packages/sidecar/src/domain/lease-entry.ts';
import { patience } from '../../packages/sidecar/src/patience.ts';
import type { Broker } from '../../packages/sidecar/src/ports/broker.ts';
import type { Link } from './link.ts';
import type { Oracle } from './oracle.ts';
import type { Machine } from './virtual-time.ts';

/** The product's follower and lease cache on a machine of their own, and agents that call through them. */
export interface Sidecar {
  readonly machine: Machine;
  /** One request: waits `queuedMs` for a socket, then streams so many chunks. */
  request(ask: { readonly credentialId: string; readonly queuedMs: number; readonly chunks: number }): Promise<void>;
  /** What is in hand, and what was ever handed out and is not wiped. */
  held(): readonly string[];
  readonly isInStep: boolean;
  stop(): void;
}

export interface SidecarOptions {
  readonly name: string;
  readonly machine: Machine;
  readonly claims: SessionClaims;
  readonly links: readonly Link[];
  readonly random: () => number;
  readonly oracle: Oracle;
  readonly streamGraceMs: number;
  readonly usage: Record<'refused' | 'cut', number>;
}

const msPerChunk = 700;
/** Timers stand still in a sleeping machine: what must end while it sleeps is looked for once a second. */
const noticeMs = 1_000;

export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { name, machine, claims, links, random, oracle, usage } = options;
  const { clock } = machine;
  const entries = new Set<LeaseEntry>();
  const held = () => [...entries].filter(({ secret }) => !secret.isWiped).map(({ leaseId }) => leaseId);
  const anyLink = (): Link => {
    const link = links[Math.floor(random() * links.length)];
    if (link === undefined) throw new Error('there is no replica');
    return link;
  };
  const broker: Pick<Broker, 'acquire' | 'renew' | 'release' | 'watch' | 'connected'> = {
    acquire: (credentialId) => anyLink().call(({ lending }) => lending.issueLease(claims, { credentialId, ttlMs: 0 })),
    renew: (leaseId) => anyLink().call(({ lending }) => lending.renewLease(claims, { leaseId, ttlMs: 0 })),
    release: async (ids) => void (await anyLink().call(({ lending }) => lending.releaseLeases(claims, ids))),
    // Nothing here tells of connections: the worst case.
    connected: () => new Promise(() => undefined),
    watch: (start, on, ended) => {
      let epoch = '';
      const told = {
        ...on,
        hello: (hello: Parameters<typeof on.hello>[0]) => {
          epoch = hello.epoch;
          on.hello(hello);
        },
      };
      const stream = anyLink().watch(claims, start, told, ended);
      return {
        ping: stream.ping,
        applied: (seq) => {
          oracle.applied(name, epoch, seq, held());
          stream.applied(seq);
        },
      };
    },
  };
  const standing = createStanding({ clock, maxWaiters: 8 });
  const leases: LeaseCache = createLeaseCache({
    broker,
    clock,
    random,
    standing,
    maxEntries: 4,
    maxWaitersPerCredential: 8,
    pauseAfterFailureMs: patience.pauseAfterFailureMs,
    stepWaitMs: patience.stepWaitMs,
    streamGraceMs: options.streamGraceMs,
    onEvent: () => {},
  });
  const follower = createRevocationFollower({
    broker,
    clock,
    random,
    backoff: patience.backoff,
    helloTimeoutMs: patience.helloTimeoutMs,
    standing,
    holdings: leases,
    routes: createKnownRoutes(),
    onEvent: () => {},
  });

  function send(entry: LeaseEntry, queuedMs: number, chunks: number): void {
    let hasLeft = false;
    let isOver = false;
    entries.add(entry);
    const cut = (): void => {
      isOver = true;
      usage.cut += 1;
    };
    const letGo = leases.hold(entry, { isStreaming: () => hasLeft, cut });
    const finish = (): void => {
      isOver = true;
      letGo();
    };
    const leave = (): void => {
      if (isOver) return;
      if (leases.refusal(entry, clock.now()) !== undefined) {
        usage.refused += 1;
        finish();
        return;
      }
      oracle.injected(name, entry.leaseId);
      hasLeft = true;
      forward(chunks);
    };
    const forward = (left: number): void => {
      if (isOver) return;
      if (left === 0) {
        finish();
        return;
      }
      // In the turn in which a machine goes on, what came in may be looked at before what fell due meanwhile.
      if (!machine.isWaking) oracle.streamed(name, entry.leaseId, machine.sleptUntil + noticeMs);
      machine.after(msPerChunk, () => forward(left - 1));
    };
    if (queuedMs === 0) leave();
    else machine.after(queuedMs, leave);
  }

  await machine.run(() => {
    // Owned by the machine: it ends when that is killed.
    void follower.run(new AbortController().signal);
  });
  return {
    machine,
    held,
    request: ({ credentialId, queuedMs, chunks }) =>
      machine.run(() => {
        const inHand = leases.inHand(credentialId, clock.now());
        if (inHand !== undefined) return send(inHand, queuedMs, chunks);
        leases.borrow(credentialId).then(
          (entry) => send(entry, queuedMs, chunks),
          () => {
            usage.refused += 1;
          },
        );
      }),
    get isInStep() {
      return standing.isInStep(clock.now());
    },
    stop: () => machine.kill(),
  };
}
