import type { Injection } from '@leasehold/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createScrubber, scrubForms, scrubText } from './scrub.ts';

const bearer: Injection = { kind: 'header', name: 'authorization', template: 'Bearer {value}' };
const basic: Injection = { kind: 'basic', username: 'svc' };
const plain = 'sk-live-4f9aQ7dX02mPzR';
const awkward = 'a/b+c=d&e"f\\g<h>i\'j k%~!';

const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
const base64Url = (text: string): string => base64(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const lowerHex = (text: string): string => text.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase());
const go = (text: string): string => JSON.stringify(text).replace(/[<>&]/g, (each) => `\\u00${each.charCodeAt(0).toString(16)}`);
const dotnet = (text: string): string =>
  text.replace(/["'&<>+`\\]/g, (each) => (each === '\\' ? '\\\\' : `\\u00${each.charCodeAt(0).toString(16).toUpperCase()}`));

/** Ways to write a value, made apart from the code under test: by the platform's own encoders, or as other platforms document theirs. */
const spellings: Readonly<Record<string, (value: string) => string>> = {
  raw: (value) => value,
  encodeURIComponent: encodeURIComponent,
  'encodeURIComponent, lower hex': (value) => lowerHex(encodeURIComponent(value)),
  encodeURI: encodeURI,
  form: (value) => new URLSearchParams({ '': value }).toString().slice(1),
  'URL query': (value) => new URL(`http://x/?q=${value.replaceAll('#', '%23')}`).search.slice(3),
  'RFC 3986': (value) => encodeURIComponent(value).replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`),
  'Python quote': (value) =>
    encodeURIComponent(value)
      .replaceAll('%2F', '/')
      .replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`),
  JSON: (value) => JSON.stringify(value).slice(1, -1),
  'JSON, slashes escaped': (value) => JSON.stringify(value).slice(1, -1).replaceAll('/', '\\/'),
  'JSON by Go': (value) => go(value).slice(1, -1),
  'JSON by .NET': dotnet,
  base64,
  'base64 after one byte': (value) => base64(`:${value}`),
  'base64 after two bytes, with more behind': (value) => base64(`u:${value}\n}`),
  base64url: base64Url,
  'base64url after one byte': (value) => base64Url(`:${value}--`),
  'base64, percent-encoded': (value) => encodeURIComponent(base64(`x${value}`)),
};

function stream(chunks: readonly Buffer[], value: string, injection: Injection): string {
  const scrubber = createScrubber(scrubForms(value, injection));
  const out = chunks.map((chunk) => scrubber.push(chunk));
  return Buffer.concat([...out, scrubber.flush()].filter((each) => each !== undefined)).toString('latin1');
}

/** What is left to be read of a spelling. Base64 shares its first and last characters with what stands around the value, and may end with padding. */
function leftOf(name: string, where: string): string {
  return (name.startsWith('base64') ? where.slice(4, -8) : where).replaceAll('*', '');
}

describe.each(Object.entries(spellings))('a value that comes back as %s', (name, spell) => {
  test.each([
    ['plain', plain, bearer],
    ['awkward', awkward, bearer],
    ['plain', plain, basic],
  ] as const)('is masked wherever the stream is split (%s)', (_, value, injection) => {
    const spelling = spell(value);
    const text = `{"echo":"${spelling}","n":1}\n`;
    const bytes = Buffer.from(text, 'latin1');
    for (let split = 0; split <= bytes.length; split += 1) {
      const out = stream([bytes.subarray(0, split), bytes.subarray(split)], value, injection);
      expect(out).toHaveLength(text.length);
      expect(leftOf(name, out.slice(9, 9 + spelling.length))).toBe('');
      expect(out.startsWith('{"echo":"')).toBe(true);
      expect(out.endsWith('","n":1}\n')).toBe(true);
    }
  });

  test('is masked byte by byte, twice in a row, and in a header', () => {
    const spelling = spell(plain);
    const out = stream(
      [...Buffer.from(`${spelling}${spelling}.`)].map((byte) => Buffer.from([byte])),
      plain,
      bearer,
    );
    expect(leftOf(name, out.slice(0, spelling.length))).toBe('');
    expect(leftOf(name, out.slice(spelling.length, -1))).toBe('');
    const location = scrubText(`https://x/?k=${spelling}#end`, scrubForms(plain, bearer));
    expect(leftOf(name, location.slice(13, -4))).toBe('');
    expect(location).toMatch(/^https:\/\/x\/\?k=.*#end$/);
  });
});

test.each([
  [basic, `svc:${plain}`],
  [{ kind: 'basic', username: '{value}:svc' } as const, `${plain}:svc`],
])('what basic auth sends is masked whole, user name included', (injection, pair) => {
  const text = `Authorization: Basic ${base64(pair)}\r\n`;
  expect(scrubText(text, scrubForms(plain, injection))).toMatch(/^Authorization: Basic \*{34,}.{0,2}\r\n$/);
});

test('any value is masked in any surroundings, however it is split', () => {
  const value = fc.stringMatching(/^[!-~][ -~]{6,40}[!-~]$/);
  const around = fc.string({ unit: 'binary-ascii', maxLength: 30 });
  const names = fc.constantFrom(...Object.keys(spellings).filter((name) => !name.startsWith('base64') && name !== 'URL query'));
  fc.assert(
    fc.property(value, names, around, around, fc.array(fc.nat(200), { maxLength: 6 }), (text, name, before, after, cuts) => {
      const spelling = spellings[name]?.(text) ?? '';
      const whole = Buffer.from(`${before}${spelling}${after}`, 'latin1');
      const edges = [0, ...cuts.map((cut) => Math.min(cut, whole.length)).sort((one, other) => one - other), whole.length];
      const chunks = edges.slice(1).map((edge, index) => whole.subarray(edges[index], edge));
      const out = stream(chunks, text, bearer);
      expect(out).toHaveLength(whole.length);
      expect(out.slice(before.length, before.length + spelling.length)).toBe('*'.repeat(spelling.length));
    }),
    { numRuns: 500 },
  );
});

test('the half of an overlapped second copy does not stay', () => {
  const value = 'abcabcXYZabcabc';
  const text = 'abcabcXYZabcabcXYZabcabc.';
  for (let split = 0; split <= text.length; split += 1) {
    const out = stream([Buffer.from(text.slice(0, split)), Buffer.from(text.slice(split))], value, bearer);
    expect(out).toBe(`${'*'.repeat(text.length - 1)}.`);
  }
  expect(stream([Buffer.from(value), Buffer.from('XYZ')], value, bearer)).toBe(`${'*'.repeat(value.length)}XYZ`);
});

describe('what holds no secret', () => {
  test('passes byte for byte, however it is split', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc.nat(plain.length - 1).map((length) => Buffer.from(plain.slice(0, length))),
      fc.nat(20).map((at) => Buffer.from(base64(plain).slice(at))),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        const chunks = pieces.map((each) => Buffer.from(each));
        const whole = Buffer.concat(chunks).toString('latin1');
        fc.pre(!whole.includes(plain) && !whole.includes(base64(plain).slice(0, -4)));
        expect(stream(chunks, plain, bearer)).toBe(whole);
      }),
      { numRuns: 500 },
    );
  });

  test('is handed on as the very same chunk, without a copy', () => {
    const scrubber = createScrubber(scrubForms(plain, bearer));
    const chunk = Buffer.from('data: {"delta":"hello"}\n\n');
    expect(scrubber.push(chunk)).toBe(chunk);
    expect(scrubber.flush()).toBeUndefined();
  });

  test('is not held back: only an end that could begin a spelling waits', () => {
    const scrubber = createScrubber(scrubForms(plain, bearer));
    expect(scrubber.push(Buffer.from(`data: ${plain.slice(0, 5)}`))?.toString()).toBe('data: ');
    expect(scrubber.push(Buffer.from('\n\n'))?.toString()).toBe(`${plain.slice(0, 5)}\n\n`);
    expect(scrubber.push(Buffer.from(plain.slice(0, 5)))).toBeUndefined();
    expect(scrubber.flush()?.toString()).toBe(plain.slice(0, 5));
    expect(scrubber.flush()).toBeUndefined();
  });

  test('is not changed in place where a secret stands beside it: chunks may share memory', () => {
    const chunk = Buffer.from(`a ${plain} b`);
    expect(createScrubber(scrubForms(plain, bearer)).push(chunk)?.toString()).toBe(`a ${'*'.repeat(plain.length)} b`);
    expect(chunk.toString()).toBe(`a ${plain} b`);
  });

  test('is the same header text', () => {
    const forms = scrubForms(plain, bearer);
    expect(['', 'gzip', 'application/json; charset=utf-8', plain.slice(1)].map((text) => scrubText(text, forms))).toEqual([
      '',
      'gzip',
      'application/json; charset=utf-8',
      plain.slice(1),
    ]);
  });
});
