import { type Clock, elapsedMs, type LogHead } from '@leasehold/core';
import { type CursorStep, emptyCursor, onHello, onPingSent, onPong, onRevoked } from '../domain/revocation-cursor.ts';
import type { Broker, WatchStream } from '../ports/broker.ts';
import type { FollowerEvent } from './follower-events.ts';
import type { KnownRoutes } from './known-routes.ts';
import type { LeaseHoldings } from './lease-cache.ts';
import type { Standing } from './standing.ts';

/** How one stream ended: by itself, or because what it said, or did not say, made everything known so far worthless. */
export interface StreamEnd {
  readonly isReset: boolean;
  readonly why: unknown;
}

export interface FollowStreamOptions {
  readonly broker: Pick<Broker, 'watch'>;
  readonly clock: Clock;
  readonly standing: Standing;
  readonly holdings: LeaseHoldings;
  readonly routes: KnownRoutes;
  /** Never gives the same id twice. */
  readonly nextPingId: () => number;
  /** How long a stream may take to say hello. */
  readonly helloTimeoutMs: number;
  readonly onEvent: (event: FollowerEvent) => void;
}

/** Follows one stream to its end. Everything that a message asks for is done before the next one is looked at. */
export async function followStream(options: FollowStreamOptions, ended: AbortSignal): Promise<StreamEnd> {
  const { clock, standing, holdings, routes, onEvent } = options;
  const { promise, resolve } = Promise.withResolvers<StreamEnd>();
  const life = new AbortController();
  const openedAt = clock.now();
  let isOver = false;
  let isGreeted = false;
  let pingIntervalMs = options.helloTimeoutMs;
  let ticking: NodeJS.Timeout | undefined;

  function finish(end: StreamEnd): void {
    if (isOver) return;
    isOver = true;
    clearTimeout(ticking);
    ended.removeEventListener('abort', stop);
    life.abort();
    resolve(end);
  }

  function stop(): void {
    finish({ isReset: false, why: ended.reason });
  }

  function reset(why: string): void {
    holdings.purgeAll();
    standing.move(emptyCursor);
    onEvent({ kind: 'reset', why });
    finish({ isReset: true, why });
  }

  function take(step: CursorStep): boolean {
    if (step.kind === 'broken') reset(step.why);
    else standing.move(step.cursor);
    return step.kind === 'moved';
  }

  /** A failure halfway through leaves nothing that can be relied on: start over, rather than go on with a doubt. */
  function guarded<A extends readonly unknown[]>(handle: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      if (isOver) return;
      try {
        handle(...args);
      } catch (cause) {
        onEvent({ kind: 'failed', cause });
        reset('the sidecar failed to handle a message');
      }
    };
  }

  /** Pings, and gives up a stream that is dead: the machine slept, or nobody answers. */
  function tick(stream: WatchStream): void {
    const now = clock.now();
    const waitingSince = isGreeted ? (standing.cursor.sentPings[0]?.at ?? now) : openedAt;
    const limitMs = isGreeted ? standing.cursor.maxStalenessMs : options.helloTimeoutMs;
    if (elapsedMs(waitingSince, now) >= limitMs) {
      finish({ isReset: false, why: isGreeted ? 'no pong for max_staleness' : 'no hello' });
      return;
    }
    if (isGreeted) {
      const id = options.nextPingId();
      // Before it is written: the answer counts from here.
      standing.move(onPingSent(standing.cursor, id, now));
      stream.ping(id);
    }
    ticking = setTimeout(() => tick(stream), pingIntervalMs);
  }

  if (ended.aborted) return { isReset: false, why: ended.reason };
  ended.addEventListener('abort', stop, { once: true });
  const { epoch, seq } = standing.cursor;
  const start: LogHead | undefined = epoch === undefined ? undefined : { epoch, seq };
  const stream = options.broker.watch(
    start,
    {
      hello: guarded((hello) => {
        if (start !== undefined && hello.agentId !== standing.agentId) return reset('the sidecar became another agent');
        standing.identify(hello.agentId, hello.agentName);
        if (!take(onHello(standing.cursor, hello))) return;
        isGreeted = true;
        pingIntervalMs = Math.min(hello.pingIntervalMs, hello.maxStalenessMs / 3);
        onEvent({ kind: 'connected', isResumed: start !== undefined });
        clearTimeout(ticking);
        tick(stream);
      }),
      routes: guarded((next) => routes.replace(next)),
      revoked: guarded((event) => {
        const step = onRevoked(standing.cursor, event.seq);
        if (step.kind === 'moved') holdings.purge(event);
        if (!take(step)) return;
        // INV-6: only now, when everything is gone, may the operator read that it is.
        stream.applied(event.seq);
        onEvent({ kind: 'purged', scope: event.scope });
      }),
      pong: guarded((id, headSeq) => {
        take(onPong(standing.cursor, id, headSeq));
      }),
      reset: guarded((why) => reset(why)),
      ended: (why) => finish({ isReset: false, why }),
    },
    life.signal,
  );
  if (!isOver && !isGreeted) ticking = setTimeout(() => tick(stream), pingIntervalMs);
  return promise;
}
