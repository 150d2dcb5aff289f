import type { KnownRoute, LogHead, RequestLimits, Revocation } from '@leasehold/core';

/** The broker as the sidecar sees it. All failures are AppErrors; what never reached the broker is `broker_unreachable`. */
export interface Broker {
  /** Denials keep the broker's code (`no_grant`, `credential_suspended`, …). */
  acquire(credentialId: string): Promise<IssuedLease>;
  /** `lease_ended` when the lease is no longer live. */
  renew(leaseId: string): Promise<RenewedLease>;
  /** Best effort, at most 1,000 ids. */
  release(leaseIds: readonly string[]): Promise<void>;
  reportUse(batch: UseBatch): Promise<void>;
  /** One watch stream: opens a session if there is none. Calls `on` in wire order, never before it has returned, then exactly once `on.ended`. Ends when `ended` aborts. */
  watch(start: LogHead | undefined, on: WatchEvents, ended: AbortSignal): WatchStream;
  /** Resolves when a connection to the broker comes to stand that did not: what was tried before failed for want of it. Never, once `ended` aborts. */
  connected(ended: AbortSignal): Promise<void>;
}

export interface IssuedLease {
  readonly leaseId: string;
  readonly grantId: string;
  readonly version: number;
  readonly ttlMs: number;
  readonly epoch: string;
  readonly issuedAtSeq: number;
  readonly limits: RequestLimits;
  /** The caller owns and wipes it. */
  readonly value: Uint8Array;
}

export interface RenewedLease {
  readonly leaseId: string;
  readonly ttlMs: number;
  readonly epoch: string;
  readonly issuedAtSeq: number;
}

export interface WatchStream {
  ping(id: number): void;
  applied(seq: number): void;
}

export interface WatchEvents {
  hello(hello: Hello): void;
  routes(routes: readonly KnownRoute[]): void;
  revoked(event: Revocation): void;
  pong(id: number, headSeq: number): void;
  reset(why: string): void;
  ended(why: unknown): void;
}

export interface Hello {
  /** The sidecar's own agent, as its session proved it. */
  readonly agentId: string;
  /** What operators call it. */
  readonly agentName: string;
  readonly epoch: string;
  readonly cursorSeq: number;
  readonly headSeq: number;
  readonly pingIntervalMs: number;
  readonly maxStalenessMs: number;
}

export interface UseBatch {
  readonly batchSeq: number;
  readonly records: readonly UseRecord[];
  readonly dropped: number;
}

/** Requests alike in all that is named here, counted. Never a query string, a header or a body. */
export interface UseRecord {
  readonly credentialId: string;
  readonly leaseId: string;
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  /** `forwarded` or an ErrorCode. */
  readonly outcome: string;
  readonly httpStatus: number;
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}
