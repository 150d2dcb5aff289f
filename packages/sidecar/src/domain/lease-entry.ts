import type { Instant, Secret } from '@leasehold/core';

/** A lease in hand. Renewal replaces the four fields that count its time; everything else stays for its life. */
export interface LeaseEntry {
  readonly leaseId: string;
  readonly credentialId: string;
  readonly grantId: string;
  readonly version: number;
  readonly secret: Secret;
  readonly epoch: string;
  /** Head of the revocation log that the broker read before the parents: only later events cover this entry. */
  issuedAtSeq: number;
  /** When the request that `ttlMs` counts from was *sent* (INV-7). */
  requestedAt: Instant;
  ttlMs: number;
}
