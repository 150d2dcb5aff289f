import { expect, test } from 'vitest';
import { parseTime } from './time.ts';

test.each([
  ['2030-01-31T12:00:00Z', '2030-01-31T12:00:00.000Z'],
  ['2030-01-31t12:00:00z', '2030-01-31T12:00:00.000Z'],
  ['2030-01-31T12:00:00.5+02:00', '2030-01-31T10:00:00.500Z'],
  ['2028-02-29T00:00:00Z', '2028-02-29T00:00:00.000Z'],
])('%s is a time', (text, iso) => {
  expect(parseTime(text)).toBe(Date.parse(iso));
});

test.each([
  '2030',
  '2030-01-31',
  '2030-01-31T12:00:00',
  '2030-01-31 12:00:00Z',
  '2030-02-30T12:00:00Z',
  '2030-13-01T12:00:00Z',
  '2030-01-31T12:00:00+99:00',
  'tomorrow',
  '',
])('%j is none: neither local times nor parts of one are guessed at', (text) => {
  expect(parseTime(text)).toBeUndefined();
});
