import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';

const backoff = { firstMs: 100, maxMs: 5_000 };

describe('a back-off', () => {
  it('stays within a quarter and the whole of what it doubles up to, and never exceeds the limit', () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
        const ms = backoffMs(backoff, attempt, random);
        const ceiling = Math.min(5_000, 100 * 2 ** attempt);
        expect(ms).toBeGreaterThanOrEqual(ceiling / 4);
        expect(ms).toBeLessThanOrEqual(ceiling);
      }),
    );
  });

  it('spreads a crowd evenly: of 1,000 that wait for a broker which was long away, no tenth of the time sees many more than its share', () => {
    const waits = Array.from({ length: 1_000 }, (_, n) => backoffMs(backoff, 20, n / 1_000));
    const tenths = new Array<number>(10).fill(0);
    for (const ms of waits) {
      const tenth = Math.min(9, Math.floor((ms - 1_250) / 375));
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    expect(Math.max(...tenths)).toBeLessThanOrEqual(110);
  });

  it('spreads a crowd over more time with each attempt, whatever it did before', () => {
    for (let attempt = 1; attempt < 6; attempt += 1) {
      const width = (n: number) => backoffMs(backoff, n, 0.999) - backoffMs(backoff, n, 0);
      expect(width(attempt)).toBeGreaterThan(width(attempt - 1));
    }
  });
});
