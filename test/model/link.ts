import { AppError, type LogHead } from '@leasehold/core';
import type { SessionClaims } from '../../packages/broker/src/ports/use-cases.ts';
import type { WatchEnd, Watcher, WatchMessage, WatchSink } from '../../packages/broker/src/ports/watch-stream.ts';
import { patience } from '../../packages/sidecar/src/patience.ts';
import type { WatchEvents, WatchStream } from '../../packages/sidecar/src/ports/broker.ts';
import { createPipe, type Pipe } from './pipe.ts';
import type { Replica } from './replica.ts';
import type { Machine, VirtualTime } from './virtual-time.ts';

export const ways = ['up', 'down', 'requests', 'answers'] as const;
export type Way = (typeof ways)[number];

/** What is between one sidecar and one replica. Messages of a stream stay in order; calls race it. */
export interface Link {
  call<T>(work: (replica: Replica) => Promise<T>): Promise<T>;
  watch(claims: SessionClaims, start: LogHead | undefined, on: WatchEvents, ended: AbortSignal): WatchStream;
  hold(way: Way): void;
  drip(count: number): void;
  release(): void;
  /** Breaks what is open. Who is not told goes on as if nothing had happened. */
  cut(told: { readonly sidecar: boolean; readonly replica: boolean }): void;
  /** Whether anything new gets through. */
  setDown(isDown: boolean): void;
}

interface Open {
  readonly pipes: Partial<Record<Way, { hold(): void; drip(count: number): void; release(): void; cut(): void }>>;
  readonly broken: (told: { readonly sidecar: boolean; readonly replica: boolean }) => void;
}

type Up =
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'applied'; readonly seq: number }
  | { readonly kind: 'start' | 'close' };
type Down = { readonly kind: 'message'; readonly message: WatchMessage } | { readonly kind: 'end'; readonly how: WatchEnd };

export interface LinkOptions {
  readonly time: VirtualTime;
  readonly sidecar: Machine;
  readonly replica: () => Replica;
  readonly delayMs: () => number;
}

/** Longer than anything may take that is still worth something: late answers are the dangerous ones. */
const deadlineMs = 8_000;
/** How long a connection that went without a word is taken for a living one, by a machine that is awake: the channel's own pings find it. */
export const foundDeadMs = patience.keepalive.timeMs + patience.keepalive.timeoutMs;

export function createLink({ time, sidecar, replica, delayMs }: LinkOptions): Link {
  const open = new Set<Open>();
  const held = new Set<Way>();
  let isDown = false;
  /** While the connection is dead and the sidecar does not know: what ends the streams that it begins there meanwhile. */
  let dead: (() => void)[] | undefined;

  function pipe<T>(way: Way, to: Machine, receive: (message: T) => void): Pipe<T> {
    return createPipe<T>({ time, to, delayMs, isHeld: held.has(way), receive });
  }

  /** By a timer of the sidecar's machine: one that sleeps finds nothing. */
  function foundDead(then: () => void): void {
    sidecar.after(0, () => void setTimeout(then, foundDeadMs));
  }

  function call<T>(work: (replica: Replica) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (isDown) {
      sidecar.after(delayMs(), () => reject(unreachable()));
      return promise;
    }
    const to = replica();
    const done = (settle: () => void): void => {
      open.delete(opened);
      settle();
    };
    const answers = pipe<() => void>('answers', sidecar, done);
    const requests = pipe<undefined>('requests', to.machine, () => {
      work(to).then(
        (value) => answers.send(() => resolve(value)),
        (thrown: unknown) => answers.send(() => reject(thrown)),
      );
    });
    const opened: Open = {
      pipes: { requests, answers },
      broken: (told) => told.sidecar && sidecar.after(delayMs(), () => reject(unreachable())),
    };
    open.add(opened);
    requests.send(undefined);
    sidecar.after(deadlineMs, () => done(() => reject(unreachable())));
    return promise;
  }

  function watch(claims: SessionClaims, start: LogHead | undefined, on: WatchEvents, ended: AbortSignal): WatchStream {
    const to = replica();
    const left = new AbortController();
    let watcher: Watcher | undefined;
    let isOver = false;

    const over = (why: unknown): void => {
      if (isOver) return;
      isOver = true;
      ended.removeEventListener('abort', abort);
      on.ended(why);
    };
    const abort = (): void => {
      over(ended.reason);
      up.send({ kind: 'close' });
    };
    const down = pipe<Down>('down', sidecar, (message) => {
      if (isOver) return;
      if (message.kind === 'message') tell(message.message, claims.agentId, on);
      else if (message.how.kind === 'error') over(message.how.error);
      else {
        on.reset(message.how.why);
        over(undefined);
      }
    });
    const sink: WatchSink = {
      send: (message) => down.send({ kind: 'message', message }),
      end: (how) => {
        if (!down.send({ kind: 'end', how })) broken({ sidecar: true, replica: false });
      },
    };
    const up = pipe<Up>('up', to.machine, (message) => {
      if (message.kind === 'start') watcher = to.hub.attach(claims, start, sink, left.signal);
      else if (message.kind === 'ping') watcher?.ping(message.id);
      else if (message.kind === 'applied') watcher?.applied(message.seq);
      else {
        open.delete(opened);
        left.abort();
      }
    });
    const broken: Open['broken'] = (told) => {
      open.delete(opened);
      up.cut();
      down.cut();
      if (told.sidecar) sidecar.after(delayMs(), () => over(unreachable()));
      else foundDead(() => over(unreachable()));
      if (told.replica) to.machine.after(delayMs(), () => left.abort());
    };
    const opened: Open = { pipes: { up, down }, broken };

    ended.addEventListener('abort', abort, { once: true });
    if (isDown || dead !== undefined) {
      if (dead === undefined) sidecar.after(delayMs(), () => over(unreachable()));
      else dead.push(() => over(unreachable()));
      return { ping: () => {}, applied: () => {} };
    }
    open.add(opened);
    up.send({ kind: 'start' });
    return { ping: (id) => void up.send({ kind: 'ping', id }), applied: (seq) => void up.send({ kind: 'applied', seq }) };
  }

  return {
    call,
    watch,
    hold(way) {
      held.add(way);
      for (const { pipes } of open) pipes[way]?.hold();
    },
    drip(count) {
      for (const { pipes } of open) for (const way of ways) pipes[way]?.drip(count);
    },
    release() {
      held.clear();
      for (const { pipes } of open) for (const way of ways) pipes[way]?.release();
    },
    cut(told) {
      if (!told.sidecar && dead === undefined) {
        dead = [];
        foundDead(() => {
          const begun = dead;
          dead = undefined;
          for (const over of begun ?? []) over();
        });
      }
      for (const each of [...open]) {
        for (const way of ways) each.pipes[way]?.cut();
        each.broken(told);
      }
      open.clear();
    },
    setDown(next) {
      isDown = next;
    },
  };
}

function tell(message: WatchMessage, agentId: string, on: WatchEvents): void {
  if (message.kind === 'hello') on.hello({ agentId, agentName: agentId, ...message });
  else if (message.kind === 'routes') on.routes(message.routes);
  else if (message.kind === 'revoked') on.revoked(message.event);
  else on.pong(message.id, message.headSeq);
}

function unreachable(): AppError {
  return new AppError('broker_unreachable', 'The model’s network lost it.');
}
