import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPatternSearch } from './pattern-search.ts';

const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 2, maxLength: 8 });
const patterns = fc.array(letters, { minLength: 1, maxLength: 5 });
const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.'), maxLength: 60 });
const searchFor = (found: readonly string[]) => createPatternSearch(found.map((each) => Buffer.from(each)));

test('finds what a search for each pattern by itself finds: the first place, and the longest pattern there', () => {
  fc.assert(
    fc.property(patterns, text, fc.nat(60), (known, haystack, from) => {
      const search = searchFor(known);
      const places = known.map((each) => haystack.indexOf(each, from)).filter((at) => at !== -1);
      const first = places.length === 0 || from > haystack.length ? -1 : Math.min(...places);
      expect(search.next(Buffer.from(haystack), from)).toBe(first);
      if (first === -1) return;
      const lengths = known.filter((each) => haystack.startsWith(each, first)).map((each) => each.length);
      expect(search.lengthAt(Buffer.from(haystack), first)).toBe(Math.max(...lengths));
    }),
    { numRuns: 2_000 },
  );
});

test('says where the longest end begins that could become a pattern', () => {
  fc.assert(
    fc.property(patterns, text, (known, haystack) => {
      let expected = haystack.length;
      for (let at = haystack.length - 1; at >= 0; at -= 1) {
        const end = haystack.slice(at);
        if (known.some((each) => each.length > end.length && each.startsWith(end))) expected = at;
      }
      expect(searchFor(known).danglingAt(Buffer.from(haystack))).toBe(expected);
    }),
    { numRuns: 2_000 },
  );
});

test('finds patterns longer than the window can jump', () => {
  const long = `${'x'.repeat(700)}y`;
  const haystack = `${'z'.repeat(5_000)}${long}${'z'.repeat(10)}`;
  expect(searchFor([long]).next(Buffer.from(haystack), 0)).toBe(5_000);
});

test('without patterns finds nothing and holds nothing back', () => {
  const search = createPatternSearch([]);
  expect(search.next(Buffer.from('abc'), 0)).toBe(-1);
  expect(search.danglingAt(Buffer.from('abc'))).toBe(3);
});

test('of two patterns at one place the longer counts, in either order', () => {
  for (const known of [
    ['abc', 'abcde'],
    ['abcde', 'abc'],
  ]) {
    expect(searchFor(known).lengthAt(Buffer.from('xabcdef'), 1)).toBe(5);
  }
});
