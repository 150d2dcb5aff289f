import { AppError, type Instant, type KnownRoute, type LogHead } from '@leasehold/core';
import type { SessionClaims } from '../../ports/use-cases.ts';
import type { HelloMessage, RevokedMessage, RoutesMessage, WatchEnd, WatchMessage, WatchSink } from '../../ports/watch-stream.ts';

/** What one stream has been told, and what it waits for. Keeps the order that the wire promises; knows nothing of the store. */
export interface Subscriber {
  readonly caller: SessionClaims;
  readonly start: LogHead | undefined;
  readonly connectedAt: Instant;
  readonly isOpen: boolean;
  /** Everything up to here was sent; undefined before hello. */
  readonly sentSeq: number | undefined;
  /** Everything up to here is purged at the sidecar. */
  readonly appliedSeq: number;
  greet(hello: HelloMessage): void;
  /** Sends one event; those that the stream had already are passed over. */
  deliver(message: RevokedMessage): void;
  /** Sent, or kept for the next round. */
  readonly hasRoutes: boolean;
  /** Keeps routes until a round sends them. False when the sidecar has just these. */
  stage(message: RoutesMessage, text: string): boolean;
  ping(id: number): void;
  /** What has arrived by now may be served by a read that begins after this call. */
  collect(): void;
  /** Sends collected routes, then answers collected pings. Every event up to `headSeq` must have been delivered. */
  serve(headSeq: number): void;
  /** Records a confirmation; what it says of events never sent is refused. */
  confirm(seq: number): void;
  /**
   * Ends the stream once it was sent everything up to the next round's head, and has confirmed that: what made an end of it is in there, and has to be
   * purged first. No pong goes out any more. False when that is under way already.
   */
  dismiss(how: WatchEnd): boolean;
  end(how: WatchEnd): void;
  /** The other side is gone: nothing more is sent. */
  leave(): void;
}

/** A sidecar has one or two open; the bound is for one that floods us. */
const maxPings = 64;

export function createSubscriber({
  caller,
  start,
  sink,
  connectedAt,
  onEnd,
  onFault,
}: {
  readonly caller: SessionClaims;
  readonly start: LogHead | undefined;
  readonly sink: WatchSink;
  readonly connectedAt: Instant;
  /** Called once, when this side ends the stream. */
  readonly onEnd: () => void;
  readonly onFault: (thrown: unknown) => void;
}): Subscriber {
  let isOpen = true;
  let sentSeq: number | undefined;
  let appliedSeq = 0;
  let routes: { readonly sent: string | undefined; readonly latest: string | undefined } = { sent: undefined, latest: undefined };
  let staged: { readonly message: RoutesMessage; readonly text: string } | undefined;
  let due: typeof staged;
  let arrivedPings: number[] = [];
  let duePings: number[] = [];
  let dismissal: { readonly how: WatchEnd; readonly isDue: boolean } | undefined;
  /** Once this is confirmed, nothing keeps who was dismissed. */
  let lastSeq: number | undefined;

  const end = (how: WatchEnd) => {
    if (!isOpen) return;
    isOpen = false;
    sink.end(how);
    onEnd();
  };
  // A slow reader is cut off, never waited for; and what can't be said to one ends that one, not the round that serves them all.
  const send = (message: WatchMessage): boolean => {
    if (!isOpen) return false;
    try {
      const isQueued = sink.send(message);
      if (!isQueued) end({ kind: 'reset', why: 'queue overflow' });
      return isQueued;
    } catch (thrown) {
      onFault(
        new AppError('internal', `${message.kind} for agent ${caller.agentId} can't be sent. ${AppError.from(thrown).message}`, {
          cause: thrown,
        }),
      );
      fail('internal', `The broker could not put ${message.kind} into words. Its log says why.`);
      return false;
    }
  };
  const endIfDone = () => {
    if (dismissal !== undefined && lastSeq !== undefined && appliedSeq >= lastSeq) end(dismissal.how);
  };
  const fail = (code: 'invalid_argument' | 'internal', message: string) => end({ kind: 'error', error: new AppError(code, message) });

  return {
    caller,
    start,
    connectedAt,
    get isOpen() {
      return isOpen;
    },
    get sentSeq() {
      return sentSeq;
    },
    get appliedSeq() {
      return appliedSeq;
    },
    get hasRoutes() {
      return routes.latest !== undefined;
    },
    greet(hello) {
      sentSeq = hello.cursorSeq;
      appliedSeq = hello.cursorSeq;
      send(hello);
    },
    deliver(message) {
      const { seq } = message.event;
      if (!isOpen || sentSeq === undefined || seq <= sentSeq) return;
      if (seq !== sentSeq + 1) return fail('internal', 'An event of the revocation log was missed. Connect again.');
      if (send(message)) sentSeq = seq;
    },
    stage(message, text) {
      if (!isOpen || routes.latest === text) return false;
      staged = { message, text };
      routes = { ...routes, latest: text };
      return true;
    },
    ping(id) {
      if (!isOpen) return;
      if (arrivedPings.length + duePings.length >= maxPings)
        return fail('invalid_argument', 'Too many pings are unanswered. Send one each ping interval.');
      arrivedPings.push(id);
    },
    collect() {
      due = staged ?? due;
      staged = undefined;
      if (dismissal !== undefined) dismissal = { ...dismissal, isDue: true };
      duePings = duePings.concat(arrivedPings);
      arrivedPings = [];
    },
    serve(headSeq) {
      if (!isOpen) return;
      // INV-4: a pong says that everything up to its head went before it.
      if (sentSeq === undefined || sentSeq < headSeq)
        return fail('internal', 'The revocation log was not sent up to its head. Connect again.');
      if (dismissal !== undefined) {
        if (dismissal.isDue) lastSeq ??= headSeq;
        return endIfDone();
      }
      if (due !== undefined) {
        const { message, text } = due;
        due = undefined;
        if (send(message)) routes = { ...routes, sent: text };
      }
      if (routes.sent === undefined) return;
      const ids = duePings;
      duePings = [];
      for (const id of ids) send({ kind: 'pong', id, headSeq });
    },
    confirm(seq) {
      if (!isOpen) return;
      if (sentSeq === undefined || seq > sentSeq)
        return fail('invalid_argument', 'A confirmation names an event that was never sent. Confirm what was received.');
      appliedSeq = Math.max(appliedSeq, seq);
      endIfDone();
    },
    dismiss(how) {
      if (!isOpen || dismissal !== undefined) return false;
      dismissal = { how, isDue: false };
      return true;
    },
    end,
    leave() {
      isOpen = false;
    },
  };
}

/** Equal texts mean equal routes: they are made by the same code from the same rows. */
export function routesText(routes: readonly KnownRoute[]): string {
  return JSON.stringify(routes);
}
