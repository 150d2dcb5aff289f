import type { AppError, ErrorCode } from '@leasehold/core';
import type { HandleRequest } from './agent-exchange.ts';

/** What one agent is served: its routes, its leases, its limits. Whoever holds it has proven to be that agent, or speaks from where only it can. */
export interface AgentService {
  readonly handle: HandleRequest;
  /**
   * Judges the target of a tunnel before a byte of it is read. Requests inside a tunnel that is intercepted are judged again, one by one, by
   * `handle`. A promise where the agent has to be proven first; it never rejects.
   */
  judgeTunnel(target: TunnelTarget): TunnelVerdict | Promise<TunnelVerdict>;
  /** Leaves the record, and the count, of a tunnel that was refused with this error code, or passed blind and has ended. Others are recorded by their requests. */
  recordTunnel(target: TunnelTarget, outcome: ErrorCode | 'passed_blind', httpStatus: number): void;
  /**
   * Says that a connection is kept open for this agent, until the returned function is called. `cut` runs at most once: when the agent is served
   * here no longer. Undefined when the agent has as many as it may: refuse with `overloaded`.
   */
  keep(cut: () => void): (() => void) | undefined;
}

export interface TunnelTarget {
  /** Canonical. */
  readonly host: string;
  readonly port: number;
}

export type TunnelVerdict =
  /** A credential may go there: TLS is ended here, and each request inside is judged. */
  | { readonly kind: 'intercept' }
  /** Nothing of ours goes there, and the operator lets such bytes pass unseen. */
  | { readonly kind: 'blind' }
  | { readonly kind: 'refused'; readonly error: AppError };
