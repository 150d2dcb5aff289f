import type { AppError, Instant } from '@leasehold/core';
import type { LeaseEntry } from '../domain/lease-entry.ts';

/** What a request needs of the lease cache. Implemented by `app/lease-cache.ts`; tests of the proxy bring a second one. */
export interface Leases {
  /** A usable entry in hand, without waiting: the hot path. */
  inHand(credentialId: string, now: Instant): LeaseEntry | undefined;
  /** A usable entry, and not this one unless it is new itself; one `Acquire` serves all waiters. Throws AppError (`no_grant`, `out_of_step`, `broker_unreachable`, `overloaded`, …). */
  borrow(credentialId: string, insteadOf?: LeaseEntry): Promise<LeaseEntry>;
  /** The last gate: undefined when the entry may be written now, in this tick; else why not (INV-2, INV-3, INV-5, INV-7). */
  refusal(entry: LeaseEntry, now: Instant): AppError | undefined;
  /**
   * Says that something is in flight under this entry, until the returned function is called. `cut` runs at most once, synchronously,
   * when the entry dies: `request` kinds (head not yet left) at max_staleness, `stream` kinds after stream_grace when out of step; both at once when revoked or expired.
   */
  hold(entry: LeaseEntry, held: InFlight): () => void;
}

export interface InFlight {
  /** Whether the request's head has left: asked when the sidecar falls out of step. */
  readonly isStreaming: () => boolean;
  readonly cut: (why: AppError) => void;
}
