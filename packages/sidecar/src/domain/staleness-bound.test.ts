import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Flaw, flaws, play, type Run, run } from './staleness-model.suite.ts';

function holds(flaw: Flaw): fc.IProperty<[Run]> {
  return fc.property(run, (each) => {
    play(each, flaw);
  });
}

describe('the staleness bound', () => {
  it('no lease is usable later than max_staleness after a revocation that its liveness was read before', () => {
    fc.assert(holds('none'), { numRuns: 3_000, seed: 7 });
  });

  it('is proved on runs in which leases really are used and refused', () => {
    const total = { used: 0, refused: 0 };
    for (const each of fc.sample(run, { numRuns: 500, seed: 11 })) {
      const { used, refused } = play(each, 'none');
      total.used += used;
      total.refused += refused;
    }
    expect(total.used).toBeGreaterThan(2_000);
    expect(total.refused).toBeGreaterThan(1_000);
  });

  for (const flaw of flaws.filter((name) => name !== 'none')) {
    it(`is broken by ${flaw.replaceAll('_', ' ')}, so the model has teeth`, () => {
      const found = fc.check(holds(flaw), { numRuns: 6_000, seed: 3, endOnFailure: true });
      expect(found.failed).toBe(true);
      expect(String(found.errorInstance)).toContain('after revocation');
    });
  }
});
