import type { AppError, Authority } from '@leasehold/core';
import type { AgentService } from '../../ports/agent-service.ts';

/** How a connection came in, and so what its requests may be addressed to. */
export type Inbound =
  /** To our own port: absolute-form, base URL or CONNECT. Base URLs are served under loopback names, and our own at any port (one may be mapped to another). */
  | { readonly kind: 'open'; readonly ownPort: number; readonly ownNames: ReadonlySet<string> }
  /** Its authority and its agent are settled: inside a CONNECT, or by the SNI of redirected TLS. Every request must name that authority. */
  | { readonly kind: 'tunnel'; readonly authority: Authority; readonly service: AgentService }
  /** Its TLS was made for another name than the tunnel that it is in: each request is told so. */
  | { readonly kind: 'misdirected'; readonly error: AppError }
  /** Plain HTTP that was redirected to us on its way: the target is what Host says. */
  | { readonly kind: 'redirected' };

/** A connection that is for one authority, or for none. */
export type SettledInbound = Extract<Inbound, { readonly kind: 'tunnel' | 'misdirected' }>;
