import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeAad } from './aad.ts';

test('no two lists of parts have one encoding', () => {
  const parts = fc.array(fc.string({ unit: 'grapheme', maxLength: 6 }), { maxLength: 4 });
  const hex = (list: readonly string[]) => Buffer.from(encodeAad(...list)).toString('hex');
  fc.assert(fc.property(parts, parts, (a, b) => (hex(a) === hex(b)) === (JSON.stringify(a) === JSON.stringify(b))));
});

test('where one part ends and the next begins is part of the encoding', () => {
  const spellings = [['ab', 'c'], ['a', 'bc'], ['abc'], ['abc', ''], ['', 'abc'], ['a', 'b', 'c']];
  expect(new Set(spellings.map((parts) => Buffer.from(encodeAad(...parts)).toString('hex'))).size).toBe(spellings.length);
});

test('the encoding stays what stored rows were closed with', () => {
  expect(Buffer.from(encodeAad('a', '', 'é')).toString('hex')).toBe('00000001610000000000000002c3a9');
});
