import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkPlaceholder, makePlaceholder, type PlaceholderUse } from './placeholder.ts';

const invalid = expect.objectContaining({ code: 'invalid_argument' });
const use = (more: Partial<PlaceholderUse>): PlaceholderUse => ({
  injection: { kind: 'header', name: 'authorization', template: '{value}' },
  destinations: [{ body: undefined }],
  environment: [],
  placeholder: undefined,
  ...more,
});
const replaced = (more: Partial<PlaceholderUse> = {}) => use({ injection: { kind: 'placeholder', in: ['header'] }, ...more });
const random = fc.uint8Array({ minLength: 16, maxLength: 16 });

describe('a placeholder', () => {
  test('that an SDK is given to look at may be any text', () => {
    checkPlaceholder(use({ placeholder: 'sk-anything at all' }));
    checkPlaceholder(use({}));
  });

  test('that is replaced has to hold chance, and be spelled alike wherever it may stand', () => {
    checkPlaceholder(replaced());
    checkPlaceholder(replaced({ placeholder: 'sk-{random}' }));
    for (const placeholder of ['sk-fixed', 'sk-{random}/x', 'sk {random}', 'sk%{random}', '{random}{random}'])
      expect(() => checkPlaceholder(replaced({ placeholder }))).toThrow(invalid);
  });

  test.each(['', 'x'.repeat(513), 'a\nb', 'ä'])('%j is refused', (placeholder) => {
    expect(() => checkPlaceholder(use({ placeholder }))).toThrow(invalid);
  });

  test('THREATS 2: bodies are looked into only where the credential and a destination both say so', () => {
    const inBodies = { injection: { kind: 'placeholder', in: ['body'] } } as const;
    checkPlaceholder(use({ ...inBodies, destinations: [{ body: undefined }, { body: 'form' }] }));
    expect(() => checkPlaceholder(use(inBodies))).toThrow(invalid);
    expect(() => checkPlaceholder(replaced({ destinations: [{ body: 'json' }] }))).toThrow(invalid);
    expect(() => checkPlaceholder(use({ destinations: [{ body: 'json' }] }))).toThrow(invalid);
  });
});

describe('the placeholder that is stored', () => {
  test('keeps the shape that was asked for', () => {
    expect(makePlaceholder(use({ placeholder: 'sk-{random}-x' }), new Uint8Array(16))).toBe(`sk-${'0'.repeat(22)}-x`);
    expect(makePlaceholder(use({ placeholder: 'sk-fixed' }), new Uint8Array(16))).toBe('sk-fixed');
  });

  test('is made where one is needed, and only there', () => {
    const bytes = new Uint8Array(16);
    expect(makePlaceholder(use({}), bytes)).toBeUndefined();
    expect(makePlaceholder(use({ environment: [{ name: 'BASE', value: '{base_url}' }] }), bytes)).toBeUndefined();
    expect(makePlaceholder(replaced(), bytes)).toMatch(/^leasehold-/);
    expect(makePlaceholder(use({ environment: [{ name: 'KEY', value: '{placeholder}' }] }), bytes)).toMatch(/^leasehold-/);
  });

  test('holds all 128 bits of chance, in letters and digits', () => {
    fc.assert(
      fc.property(random, random, (one, other) => {
        const [first = '', second = ''] = [one, other].map((bytes) => makePlaceholder(replaced({ placeholder: '{random}' }), bytes));
        expect(first).toMatch(/^[0-9A-Za-z]{22}$/);
        expect(first === second).toBe(one.every((byte, index) => byte === other[index]));
      }),
    );
  });
});
