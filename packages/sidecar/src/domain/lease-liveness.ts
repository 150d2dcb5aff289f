import { elapsedMs, type Instant } from '@leasehold/core';
import type { LeaseEntry } from './lease-entry.ts';
import { inStep, type RevocationCursor } from './revocation-cursor.ts';

/** Why an entry may not be written now; undefined when it may (INV-2, INV-5, INV-7). Called for each request: allocates nothing. */
export function refusal(entry: LeaseEntry, now: Instant, cursor: RevocationCursor): 'out_of_step' | 'lease_ended' | undefined {
  if (!inStep(cursor, now) || entry.epoch !== cursor.epoch) return 'out_of_step';
  if (isExpired(entry, now) || entry.secret.isWiped) return 'lease_ended';
  return undefined;
}

/** INV-7: counted from the sending of the request, over at the very millisecond. */
export function isExpired(entry: LeaseEntry, now: Instant): boolean {
  return elapsedMs(entry.requestedAt, now) >= entry.ttlMs;
}

export function timeLeftMs(entry: LeaseEntry, now: Instant): number {
  return entry.ttlMs - elapsedMs(entry.requestedAt, now);
}
