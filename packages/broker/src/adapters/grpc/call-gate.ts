import { EventEmitter } from 'node:events';
import { type Metadata, ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { SessionService, toStatus, type UnaryObserver } from '@leasehold/contract/grpc';
import { AppError } from '@leasehold/core';
import type { LendingUseCases, SessionClaims } from '../../ports/use-cases.ts';
import { bearerOf } from './requests.ts';

/**
 * Looks at a call when its headers are here and its body is not: who proves nothing is refused before a byte of it is read. A session is opened
 * without a proof in the headers, so that call may be of a few kilobytes only. And a body that does not come is not waited for.
 */
export interface CallGate {
  readonly interceptor: ServerInterceptor;
  /** Who makes this call, as its headers proved. Throws AppError `identity_missing` or `identity_invalid`. */
  callerOf(metadata: Metadata): SessionClaims;
}

export interface CallGateOptions {
  readonly lending: Pick<LendingUseCases, 'verifySession'>;
  /** How long the body of a call may take to arrive, ms. Streams have a limit of their own for their first message. */
  readonly receiveMs: number;
  /** Told of calls that are refused here: they reach no handler. */
  readonly onCall: UnaryObserver;
}

const openPath = `/${SessionService.typeName}/${SessionService.method.open.name}`;
/** A token and two names, a few times over. */
const maxOpenBytes = 8_192;

export function createCallGate({ lending, receiveMs, onCall }: CallGateOptions): CallGate {
  /** So that a session token is checked once a call. */
  const proven = new WeakMap<Metadata, SessionClaims>();

  function callerOf(metadata: Metadata): SessionClaims {
    const known = proven.get(metadata) ?? lending.verifySession(bearerOf(metadata));
    proven.set(metadata, known);
    return known;
  }

  return {
    callerOf,
    interceptor(method, call) {
      let waiting: NodeJS.Timeout | undefined;
      const refuse = (error: AppError) => {
        clearTimeout(waiting);
        onCall({ path: method.path, outcome: error.code, durationMs: 0 });
        gated.sendStatus(toStatus(error));
      };
      const gated = new ServerInterceptingCall(call, {
        start: (next) =>
          next({
            onReceiveMetadata(metadata, pass) {
              try {
                if (method.path === openPath) boundBody(call, () => refuse(tooLarge()));
                else callerOf(metadata);
              } catch (thrown) {
                refuse(AppError.from(thrown));
                return;
              }
              if (!method.requestStream) waiting = setTimeout(() => refuse(tooSlow()), receiveMs);
              pass(metadata);
            },
            onReceiveHalfClose(pass) {
              clearTimeout(waiting);
              pass();
            },
            onCancel: () => clearTimeout(waiting),
          }),
      });
      return gated;
    },
  };
}

/** grpc-js has one limit for the messages of all methods, and keeps the HTTP/2 stream of a call to itself; it is there nevertheless. */
function boundBody(call: object, onTooLarge: () => void): void {
  const stream = 'stream' in call ? call.stream : undefined;
  if (!(stream instanceof EventEmitter)) throw new AppError('internal', 'This version of grpc-js is not known to the broker.');
  let received = 0;
  stream.on('data', (chunk: Buffer) => {
    const before = received;
    received += chunk.length;
    if (before <= maxOpenBytes && received > maxOpenBytes) onTooLarge();
  });
}

function tooLarge(): AppError {
  return new AppError('invalid_argument', `A request for a session has at most ${maxOpenBytes} bytes.`);
}

function tooSlow(): AppError {
  return new AppError('bad_request', 'The request did not arrive in time. Try again.');
}
