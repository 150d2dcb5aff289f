import { type Instant, Secret } from '@leasehold/core';
import { describe, expect, it } from 'vitest';
import type { LeaseEntry } from './lease-entry.ts';
import { isExpired, refusal, timeLeftMs } from './lease-liveness.ts';
import { renewAfterMs } from './renewal.ts';
import type { RevocationCursor } from './revocation-cursor.ts';

const at = (ms: number): Instant => ({ monoMs: ms, wallMs: 1_000_000 + ms });

function entryOf(changes: Partial<LeaseEntry> = {}): LeaseEntry {
  const secret = new Secret(new Uint8Array([1, 2, 3]));
  const ids = { leaseId: 'l1', credentialId: 'c1', grantId: 'g1', version: 1, epoch: 'e1', issuedAtSeq: 5 };
  const limits = { methods: [], pathPrefixes: [], ratePerMinute: undefined };
  return { ...ids, secret, limits, lentAt: at(0), requestedAt: at(0), ttlMs: 60_000, ...changes };
}

function freshAt(ms: number, changes: Partial<RevocationCursor> = {}): RevocationCursor {
  return { epoch: 'e1', seq: 5, maxStalenessMs: 3_000, freshFrom: at(ms), sentPings: [], ...changes };
}

describe('a lease may be used', () => {
  it('until its time is over, to the millisecond, counted from the sending of the request', () => {
    expect(refusal(entryOf(), at(59_999), freshAt(59_000))).toBeUndefined();
    expect(refusal(entryOf(), at(60_000), freshAt(59_000))).toBe('lease_ended');
  });

  it('only while the sidecar is in step', () => {
    expect(refusal(entryOf(), at(3_000), freshAt(0))).toBe('out_of_step');
    expect(refusal(entryOf(), at(0), freshAt(0, { epoch: undefined }))).toBe('out_of_step');
  });

  it('only in the epoch it was issued in', () => {
    expect(refusal(entryOf(), at(0), freshAt(0, { epoch: 'e2' }))).toBe('out_of_step');
  });

  it('only while its secret is there', () => {
    const entry = entryOf();
    entry.secret.wipe();
    expect(refusal(entry, at(0), freshAt(0))).toBe('lease_ended');
  });
});

describe('the time of a lease', () => {
  it('runs on while the machine sleeps, and a wall clock set back gives no more of it', () => {
    expect(isExpired(entryOf(), { monoMs: 10, wallMs: 1_000_000 + 60_000 })).toBe(true);
    expect(isExpired(entryOf(), { monoMs: 60_000, wallMs: 0 })).toBe(true);
    expect(timeLeftMs(entryOf(), { monoMs: 10, wallMs: 1_000_000 + 50_000 })).toBe(10_000);
  });

  it('is renewed after two thirds of it, a tenth of that sooner or later', () => {
    expect(renewAfterMs(300_000, 0)).toBeCloseTo(180_000);
    expect(renewAfterMs(300_000, 0.5)).toBeCloseTo(200_000);
    expect(renewAfterMs(300_000, 1)).toBeCloseTo(220_000);
  });
});
