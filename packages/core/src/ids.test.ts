import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isId, isName, makeId } from './ids.ts';

const kinds = ['tenant', 'agent', 'credential', 'grant', 'lease', 'dek', 'operator'] as const;
const random = fc.uint8Array({ minLength: 16, maxLength: 16 });

test('an id is of its kind alone, keeps all of its 128 bits, and is no name', () => {
  fc.assert(
    fc.property(fc.constantFrom(...kinds), random, random, (kind, one, other) => {
      const id = makeId(kind, one);
      expect(kinds.filter((each) => isId(each, id))).toEqual([kind]);
      expect(isName(id)).toBe(false);
      expect(makeId(kind, other) === id).toBe(other.every((byte, index) => byte === one[index]));
    }),
  );
});

test('an id is not made of fewer random bytes', () => {
  expect(() => makeId('lease', new Uint8Array(15))).toThrow();
});

test.each([
  '',
  'lse_',
  'lse_0',
  `lse_${'0'.repeat(31)}`,
  `lse_${'0'.repeat(33)}`,
  `lse_${'G'.repeat(32)}`,
  `LSE_${'0'.repeat(32)}`,
  `lse_${'0'.repeat(32)}\n`,
])('%j is no lease id', (text) => {
  expect(isId('lease', text)).toBe(false);
});

test('names need no escaping in a URL', () => {
  expect(['openai', 'a', '0', 'a-b-', 'a'.repeat(63)].every(isName)).toBe(true);
  expect(['', '-a', 'A', 'a_b', 'a.b', 'a/b', 'a b', 'ä', 'a\n', 'a'.repeat(64)].some(isName)).toBe(false);
});
