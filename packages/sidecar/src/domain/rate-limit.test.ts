import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Bucket, takeToken } from './rate-limit.ts';

/** How many of the requests at these times are let through. */
function admitted(times: readonly number[], ratePerMinute: number): readonly number[] {
  let bucket: Bucket | undefined;
  return times.filter((nowMs) => {
    const taken = takeToken(bucket, ratePerMinute, nowMs);
    if (taken.kind === 'taken') bucket = taken.bucket;
    return taken.kind === 'taken';
  });
}

describe('requests a minute', () => {
  test('a full minute of them may come at once, and not one more', () => {
    expect(
      admitted(
        Array.from({ length: 10 }, () => 5_000),
        6,
      ),
    ).toHaveLength(6);
  });

  test('after that they come back evenly', () => {
    const spent = [0, 0, 0, 0, 0, 0];
    expect(admitted([...spent, 9_999], 6)).toHaveLength(6);
    expect(admitted([...spent, 10_000, 10_001], 6)).toHaveLength(7);
  });

  test('never more than a minute of them and what its length refills, however they are spread', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600 }), fc.array(fc.nat({ max: 3_000 }), { maxLength: 300 }), (ratePerMinute, gaps) => {
        let nowMs = 0;
        const times = gaps.map((gap) => {
          nowMs += gap;
          return nowMs;
        });
        const taken = admitted(times, ratePerMinute);
        for (const [index, from] of taken.entries()) {
          for (const [count, to] of taken.slice(index).entries()) {
            // One more than refilled, for the rounding of numbers.
            expect(count).toBeLessThanOrEqual(ratePerMinute + ((to - from) * ratePerMinute) / 60_000 + 1e-6);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  test('who is turned away is told when to come back, and is let through then', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.nat({ max: 100_000 }), (ratePerMinute, nowMs) => {
        const spent: Bucket = { tokens: 0, atMs: nowMs };
        const empty = takeToken(spent, ratePerMinute, nowMs);
        if (empty.kind !== 'empty') throw new Error('a spent bucket gave a token');
        expect(empty.retryAfterS).toBeGreaterThanOrEqual(1);
        expect(takeToken(spent, ratePerMinute, nowMs + empty.retryAfterS * 1_000 + 1).kind).toBe('taken');
      }),
    );
  });
});
