import type { Instant, RequestLimits, Secret } from '@leasehold/core';

/** A lease in hand. Renewal replaces the two fields that count its time; everything else stays for its life, so an event that would have covered it once always does. */
export interface LeaseEntry {
  readonly leaseId: string;
  readonly credentialId: string;
  readonly grantId: string;
  readonly version: number;
  readonly secret: Secret;
  readonly epoch: string;
  /** Head of the revocation log that the broker read before the parents: only later events cover this entry. */
  readonly issuedAtSeq: number;
  /** Of the grant, as they were when this was lent: what counts, since the routes may be older. */
  readonly limits: RequestLimits;
  /** When it was asked for. */
  readonly lentAt: Instant;
  /** When the request that `ttlMs` counts from was *sent* (INV-7). */
  requestedAt: Instant;
  ttlMs: number;
}
