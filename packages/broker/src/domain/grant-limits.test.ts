import { expect, test } from 'vitest';
import { isNarrower } from './grant-limits.ts';

const limits = {
  ttlMs: 60_000,
  notAfter: 5_000 as number | undefined,
  limits: { methods: ['GET', 'POST'], pathPrefixes: ['/v1'], ratePerMinute: 60 as number | undefined },
};
const withLimits = (more: Partial<(typeof limits)['limits']>) => ({ ...limits, limits: { ...limits.limits, ...more } });

test.each([
  ['a shorter TTL', { ...limits, ttlMs: 59_999 }],
  ['an earlier end', { ...limits, notAfter: 4_999 }],
  ['a lower rate', withLimits({ ratePerMinute: 59 })],
  ['a method less', withLimits({ methods: ['GET'] })],
  ['a longer prefix', withLimits({ pathPrefixes: ['/v1/users'] })],
  ['another prefix', withLimits({ pathPrefixes: ['/v10'] })],
])('%s is narrower', (_, after) => expect(isNarrower(limits, after)).toBe(true));

test.each([
  ['the same', limits],
  ['a longer TTL', { ...limits, ttlMs: 60_001 }],
  ['no end', { ...limits, notAfter: undefined }],
  ['no rate', withLimits({ ratePerMinute: undefined })],
  ['every method', withLimits({ methods: [] })],
  ['a shorter prefix', withLimits({ pathPrefixes: ['/'] })],
  ['one more prefix', withLimits({ pathPrefixes: ['/v2', '/v1'] })],
])('%s is not', (_, after) => expect(isNarrower(limits, after)).toBe(false));

test('a limit where there was none is narrower', () => {
  const open = { ttlMs: 60_000, notAfter: undefined, limits: { methods: [], pathPrefixes: [], ratePerMinute: undefined } };
  for (const after of [
    { ...open, notAfter: 9 },
    { ...open, limits: { ...open.limits, methods: ['GET'] } },
    { ...open, limits: { ...open.limits, pathPrefixes: ['/v1'] } },
    { ...open, limits: { ...open.limits, ratePerMinute: 1 } },
  ]) {
    expect(isNarrower(open, after)).toBe(true);
  }
});
