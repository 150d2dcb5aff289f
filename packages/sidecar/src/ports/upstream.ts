import type { AppError, Destination } from '@leasehold/core';
import type { Protocol } from './agent-exchange.ts';

/** The vendor's side of an exchange. One implementation for each protocol; tests bring another. */
export interface Upstream {
  /** Sends one request and calls `on` until `end` or `failed`, which come exactly once and last, perhaps before `send` returns. Never throws. */
  send(request: OutgoingRequest, on: UpstreamEvents): OutgoingExchange;
  /** Drops all connections; what is in flight fails. */
  close(): Promise<void>;
}

export interface OutgoingRequest {
  readonly protocol: Protocol;
  /** Connections are shared only among requests that are alike in credential, version, destination and host (THREATS 40). */
  readonly credentialId: string;
  readonly version: number;
  readonly destination: Destination;
  /** Canonical; matches the destination's pattern. */
  readonly host: string;
  readonly method: string;
  /** With query. */
  readonly path: string;
  /** Flat, as they go out; with `content-length` when it is known. */
  readonly headers: string[];
  /** Those of the headers that hold a credential's value. */
  readonly secretNames: readonly string[];
  readonly body: AsyncIterable<Uint8Array> | undefined;
}

export interface OutgoingExchange {
  /** Drops the connection, or the place in the queue for one. Nothing is called any more. */
  abort(why: AppError): void;
  pause(): void;
  resume(): void;
}

export interface UpstreamEvents {
  /**
   * The last gate (INV-2, INV-3, INV-5, INV-7): asked in the tick that writes the head, with nothing between; for a body that is
   * streamed again in the tick of its first chunk, since the head waits for it. An error stops the request before its first byte.
   */
  refusal(): AppError | undefined;
  /** The head has left: from here on the exchange is a stream. */
  left(): void;
  /** An answer before the answer (RFC 9110 section 15.2), never 100 or 101. Headers as in `head`. */
  informed(status: number, headers: string[]): void;
  /**
   * Headers flat and without hop-by-hop ones. The body is identity-coded, whatever the upstream chose. 101 comes only to a WebSocket: what follows
   * are its frames. `isWhole`: neither body nor trailers follow.
   */
  head(status: number, headers: string[], isWhole: boolean): void;
  data(chunk: Buffer): void;
  /** The body is whole. Trailers flat, often none. */
  end(trailers: string[]): void;
  failed(error: AppError): void;
}
