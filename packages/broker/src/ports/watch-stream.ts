import type { AppError, KnownRoute, LogHead, Revocation } from '@leasehold/core';
import type { SessionClaims } from './use-cases.ts';

/** What the watch hub says to a sidecar. One object may go to many streams: adapters may keep its encoding beside it. */
export type WatchMessage = HelloMessage | RoutesMessage | RevokedMessage | PongMessage;

export interface HelloMessage {
  readonly kind: 'hello';
  readonly epoch: string;
  /** Where the sidecar's cursor stands after this message. */
  readonly cursorSeq: number;
  readonly headSeq: number;
  readonly pingIntervalMs: number;
  readonly maxStalenessMs: number;
}

export interface RoutesMessage {
  readonly kind: 'routes';
  readonly routes: readonly KnownRoute[];
}

export interface RevokedMessage {
  readonly kind: 'revoked';
  readonly event: Revocation;
}

export interface PongMessage {
  readonly kind: 'pong';
  readonly id: number;
  readonly headSeq: number;
}

/** `reset`: the sidecar wipes and starts over. `error`: this stream is over, what was said on it stands. */
export type WatchEnd = { readonly kind: 'reset'; readonly why: string } | { readonly kind: 'error'; readonly error: AppError };

/** One sidecar's stream, as the hub writes to it. Neither method waits or throws. */
export interface WatchSink {
  /** Queues a message behind those before. False when the stream's bounded queue is full: then nothing was queued, and the hub ends the stream. */
  send(message: WatchMessage): boolean;
  /** Once, and last: says why, and cuts the stream soon after even if the other side does not read. */
  end(how: WatchEnd): void;
}

/** The use case behind `LeaseService.Watch`, on one stream. */
export interface WatchHub {
  /** `start` is undefined when the sidecar holds nothing. The stream is left when `ended` aborts. */
  attach(caller: SessionClaims, start: LogHead | undefined, sink: WatchSink, ended: AbortSignal): Watcher;
}

export interface Watcher {
  ping(id: number): void;
  /** Everything up to seq is purged at the sidecar. */
  applied(seq: number): void;
}
