import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bodyFormOf, replaceInBody } from './replace-in-body.ts';
import { preparePlaceholder } from './replace-placeholder.ts';

const placeholder = 'sk-0123456789ABCDEFGHIJKL';
const value = 'live/4f9a+= "x"\\';
const prepared = preparePlaceholder(['body'], placeholder, value);

const json = (text: string) => replaceInBody('json', Buffer.from(text), prepared).toString();
const form = (text: string) => replaceInBody('form', Buffer.from(text), prepared).toString();

describe('JSON', () => {
  test.each([
    ['a whole string', (word: string) => ({ key: word })],
    ['a word in a longer one', (word: string) => ({ header: `Bearer ${word}`, other: `a "quoted", ${word}\n` })],
    ['deep inside, beside numbers that no parser would keep', (word: string) => [[{ a: [null, true, { b: word }] }]]],
    ['behind escapes', (word: string) => ({ a: `\n${word}`, b: `\t${word}`, c: `\u0001${word}`, d: `\\ ${word}` })],
  ])('in %s', (_, make) => {
    expect(JSON.parse(json(JSON.stringify(make(placeholder))))).toEqual(make(value));
  });

  test('everything else stays byte by byte: spaces, numbers, doubles, other letters', () => {
    const text = `{ "n": 12345678901234567890.10, "ü": "\\u00fc é", "k" :\t"${placeholder}" ,"k":1}`;
    expect(json(text)).toBe(text.replace(placeholder, JSON.stringify(value).slice(1, -1)));
  });

  test.each([
    `{"${placeholder}":1}`,
    `{"${placeholder}" \n :1}`,
    `{"a":"x${placeholder}"}`,
    `{"a":"${placeholder}x"}`,
    `{"a":"${placeholder}-1"}`,
    `{"a":"${placeholder.toLowerCase()}"}`,
    '{"a":"nothing"}',
    'no JSON at all',
  ])('%s stays as it is: a name, a part of a word, or no placeholder', (text) => {
    expect(json(text)).toBe(text);
  });

  test.each([`{"a":"${placeholder}"`, `"${placeholder}" "b"`, `{a:"${placeholder}"}`, `'${placeholder}'`])(
    '%s, which is no JSON but holds the placeholder, is refused',
    (text) => {
      expect(() => json(text)).toThrow(expect.objectContaining({ code: 'bad_request' }));
    },
  );

  test('THREATS 2, 39: the value appears once for each place, never elsewhere, and not without a bound', () => {
    const anywhere = fc.oneof(fc.constant(placeholder), fc.constant(`Bearer ${placeholder}`), fc.string(), fc.integer(), fc.constant(null));
    fc.assert(
      fc.property(fc.dictionary(fc.oneof(fc.string(), fc.constant(placeholder)), anywhere, { maxKeys: 8 }), (body) => {
        const expected = Object.fromEntries(
          Object.entries(body).map(([name, each]) => [name, typeof each === 'string' ? each.replace(placeholder, () => value) : each]),
        );
        expect(JSON.parse(json(JSON.stringify(body)))).toEqual(expected);
      }),
    );
    const many = (count: number) => JSON.stringify(Array.from({ length: count }, () => placeholder));
    expect(JSON.parse(json(many(16)))).toEqual(Array.from({ length: 16 }, () => value));
    expect(() => json(many(17))).toThrow(expect.objectContaining({ code: 'bad_request' }));
  });
});

describe('a form', () => {
  test.each([
    [`a=1&key=${placeholder}&b=2`, `a=1&key=${encodeURIComponent(value)}&b=2`],
    [`key=Bearer+${placeholder}`, `key=Bearer+${encodeURIComponent(value)}`],
    [`key=%22${placeholder}%22`, `key=%22${encodeURIComponent(value)}%22`],
    [`${placeholder}=1`, `${placeholder}=1`],
    [`a=1&${placeholder}`, `a=1&${placeholder}`],
    [`a=x${placeholder}`, `a=x${placeholder}`],
  ])('%s goes out as %s', (text, expected) => {
    expect(form(text)).toBe(expected);
  });
});

describe('THREATS 34, 39: an agent that writes one word after another', () => {
  const words = (between: string) =>
    Array.from({ length: Math.floor(1_048_576 / (placeholder.length + 1)) }, () => placeholder).join(between);

  test('is refused at the first that is too many', () => {
    for (const text of [`a=${words('+')}`, `a=${words('=')}`])
      expect(() => form(text)).toThrow(expect.objectContaining({ code: 'bad_request' }));
  });

  test('has them read once each, be they no value of any field: eight times as many take no thirty times as long', () => {
    const took = (text: string) => {
      const startedAt = performance.now();
      expect(form(text)).toBe(text);
      return performance.now() - startedAt;
    };
    const all = words('+');
    took(all);
    const eighth = took(all.slice(0, all.length / 8));
    expect(took(all)).toBeLessThan(30 * (eighth + 1));
  });
});

describe('THREATS 2: a body is looked into only where all agree', () => {
  const jsonType = ['Content-Type', 'application/json; charset=utf-8'];

  test('credential, destination and message', () => {
    expect(bodyFormOf('json', prepared, jsonType)).toBe('json');
    expect(bodyFormOf('json', prepared, ['content-type', 'application/vnd.api+json'])).toBe('json');
    expect(bodyFormOf('form', prepared, ['content-type', 'application/x-www-form-urlencoded'])).toBe('form');
  });

  test.each([
    ['the destination does not ask', undefined, prepared, jsonType],
    ['the credential does not ask', 'json', preparePlaceholder(['header'], placeholder, value), jsonType],
    ['nothing is replaced', 'json', undefined, jsonType],
    ['the message has another form', 'form', prepared, jsonType],
    ['the message has no form', 'json', prepared, []],
    ['the type only looks like it', 'json', prepared, ['content-type', 'application/jsonp']],
    ['the body is packed', 'json', prepared, [...jsonType, 'content-encoding', 'gzip']],
  ] as const)('not when %s', (_, asked, placeholderOf, headers) => {
    expect(bodyFormOf(asked, placeholderOf, headers)).toBeUndefined();
  });
});
