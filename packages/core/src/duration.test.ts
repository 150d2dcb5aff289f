import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

test.each([
  ['500ms', 500],
  ['90s', 90_000],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['2d', 172_800_000],
  ['0s', 0],
])('%s is %i ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each([
  '',
  '5',
  'm',
  '5 m',
  ' 5m',
  '5m ',
  '5m\n',
  '-5m',
  '+5m',
  '1.5h',
  '5M',
  '5min',
  '1h30m',
  '0x5m',
  '1e3s',
  'Infinityh',
  '5constructor',
])('%j is refused', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test('a formatted duration is read back as the same', () => {
  fc.assert(
    fc.property(fc.nat(10 ** 9), fc.constantFrom(1, 1_000, 60_000), (count, unit) => {
      fc.pre(count * unit < 10 ** 12);
      expect(parseDuration(formatDuration(count * unit))).toBe(count * unit);
    }),
  );
  expect(formatDuration(300_000)).toBe('5m');
  expect(formatDuration(90_000)).toBe('90s');
});
