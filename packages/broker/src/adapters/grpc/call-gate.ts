import { type Metadata, ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { LeaseService, methodWire, SessionService, toStatus, type UnaryObserver } from '@leasehold/contract/grpc';
import { AppError } from '@leasehold/core';
import type { LendingUseCases, SessionClaims } from '../../ports/use-cases.ts';
import { createByteBudget } from './byte-budget.ts';
import { requestStreamOf } from './request-stream.ts';
import { bearerOf } from './requests.ts';

/**
 * Looks at each call before its body is read. Whoever has no session gets none read, but for `Open`, whose body is the proof and therefore small:
 * what a peer that proved nothing can make the broker hold is bounded, whatever the number of its streams and connections.
 */
export interface CallGate {
  readonly interceptor: ServerInterceptor;
  /** Whose call it is. Throws AppError `identity_missing` when it did not come through the gate. */
  callerOf(call: { readonly metadata: Metadata }): SessionClaims;
}

export interface CallGateOptions {
  readonly verifySession: LendingUseCases['verifySession'];
  /** Told of the unary calls that are ended here. */
  readonly onCall: UnaryObserver;
  /** A request to open a session came whole from this peer (address:port). */
  readonly onAsked: (peer: string) => void;
  /** A call of this peer carries the token of a session. */
  readonly onProven: (peer: string, caller: SessionClaims) => void;
  readonly maxOpenBytes: number;
  /** When more `Open` requests than this have not arrived whole, the oldest gives way: an honest one takes no longer than a packet or two. */
  readonly maxUnfinishedOpens: number;
  /** What may lie of requests that have not arrived whole, of all who have a session. */
  readonly maxUnfinishedBytesInAll: number;
  /** What may lie of one message that a watch stream has not sent whole. */
  readonly maxWatchMessageBytes: number;
  /** Time that a unary request has to arrive whole, ms. */
  readonly arriveWithinMs: number;
  /** How long the peer of a call that was ended may take to end its side, ms. */
  readonly lingerMs: number;
  /** How long an answer may be left unread, ms: it may hold a value. */
  readonly unreadForMs: number;
}

const openPath = methodWire(SessionService.method.open).path;
const watchPath = methodWire(LeaseService.method.watch).path;
const nothing = (): void => undefined;

export function createCallGate(options: CallGateOptions): CallGate {
  const {
    verifySession,
    onCall,
    onAsked,
    onProven,
    maxOpenBytes,
    maxUnfinishedOpens,
    maxWatchMessageBytes,
    arriveWithinMs,
    lingerMs,
    unreadForMs,
  } = options;
  /** Kept from the headers, so that a call's token is verified once. */
  const callers = new WeakMap<Metadata, SessionClaims>();
  /** What ends them, the oldest first. */
  const unfinishedOpens = new Set<() => void>();
  const unfinished = createByteBudget(options.maxUnfinishedBytesInAll);

  const interceptor: ServerInterceptor = ({ path }, call) => {
    const stream = requestStreamOf(call);
    let arrived = nothing;
    let isWhole = false;

    const refuse = (thrown: unknown) => {
      arrived();
      const error = AppError.from(thrown);
      call.sendStatus(toStatus(error));
      if (path !== watchPath) onCall({ path, outcome: error.code, durationMs: 0, thrown });
    };
    const expectWhole = () => {
      const giveUp = () => refuse(new AppError('bad_request', 'The request did not arrive whole in time. Send it again.'));
      const timer = setTimeout(giveUp, arriveWithinMs);
      arrived = () => {
        clearTimeout(timer);
        unfinishedOpens.delete(giveUp);
      };
      return giveUp;
    };
    const takeOpen = () => {
      stream.bound(maxOpenBytes, () => refuse(new AppError('invalid_argument', `Send at most ${maxOpenBytes} bytes to open a session.`)));
      unfinishedOpens.add(expectWhole());
      const [oldest = nothing] = unfinishedOpens;
      if (unfinishedOpens.size > maxUnfinishedOpens) oldest();
    };
    const takeUnary = ({ tenantId }: SessionClaims) => {
      expectWhole();
      let held = 0;
      const isOver = arrived;
      arrived = () => {
        isOver();
        unfinished.give(tenantId, held);
        held = 0;
        arrived = nothing;
      };
      stream.count((bytes) => {
        if (arrived === nothing) return;
        if (unfinished.take(tenantId, bytes)) held += bytes;
        else
          refuse(new AppError('overloaded', 'Too many requests are under way that have not arrived whole. Try again.', { retryAfterS: 1 }));
      });
    };
    const begin = (metadata: Metadata) => {
      if (path === openPath) return takeOpen();
      const caller = verifySession(bearerOf(metadata));
      callers.set(metadata, caller);
      onProven(call.getPeer(), caller);
      if (path === watchPath) stream.bound(maxWatchMessageBytes, stream.reset);
      else takeUnary(caller);
    };

    return new ServerInterceptingCall(call, {
      sendMessage(message, pass) {
        pass(message);
        if (path !== watchPath) stream.linger(unreadForMs);
      },
      start: (next) =>
        next({
          onReceiveMetadata(metadata, pass) {
            try {
              begin(metadata);
            } catch (thrown) {
              refuse(thrown);
              return; // Nobody asks for the body.
            }
            pass(metadata);
          },
          onReceiveMessage(message, pass) {
            stream.messageCame();
            pass(message);
          },
          onReceiveHalfClose(pass) {
            isWhole = true;
            arrived();
            if (path === openPath) onAsked(call.getPeer());
            pass();
          },
          // Once a status was sent, too.
          onCancel() {
            arrived();
            if (!isWhole) stream.linger(lingerMs);
          },
        }),
    });
  };

  return {
    interceptor,
    callerOf({ metadata }) {
      const caller = callers.get(metadata);
      if (caller === undefined) throw new AppError('identity_missing', 'No session token was sent. Open a session first.');
      return caller;
    },
  };
}
