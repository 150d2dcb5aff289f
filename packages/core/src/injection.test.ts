import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkInjection, checkValue, type Injection } from './injection.ts';

const invalid = expect.objectContaining({ code: 'invalid_argument' });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('an injection', () => {
  test.each<Injection>([
    { kind: 'header', name: 'Authorization', template: 'Bearer {value}' },
    { kind: 'header', name: 'x-api-key', template: '{value}' },
    { kind: 'header', name: 'Cookie', template: 'session={value}; v=1' },
    { kind: 'basic', username: '' },
    { kind: 'basic', username: 'svc' },
    { kind: 'basic', username: '{value}:' },
    { kind: 'basic', username: '{value}:X' },
    { kind: 'query', name: 'api_key' },
    { kind: 'path', template: 'bot{value}' },
    { kind: 'path', template: '{value}' },
    { kind: 'placeholder', in: ['header', 'query', 'path', 'body'] },
  ])('$kind is accepted', (injection) => {
    checkInjection(injection);
  });

  test.each([
    '',
    'a b',
    'a:b',
    'a\r\nb',
    'ä',
    'a'.repeat(65),
    'Host',
    'content-length',
    'Content-Type',
    'Connection',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
    'Keep-Alive',
    'Proxy-Authorization',
    'Proxy-X',
    'Expect',
    'Accept-Encoding',
    'X-Forwarded-For',
    'Sec-WebSocket-Key',
    'x-leasehold-error',
  ])('into the header %j is refused', (name) => {
    expect(() => checkInjection({ kind: 'header', name, template: '{value}' })).toThrow(invalid);
  });

  test.each(['', 'Bearer', 'Bearer {VALUE}', '{value} {value}', 'Bearer {value}\r\nx: y', '{value}\0', 'ä {value}'])(
    'with the template %j is refused',
    (template) => {
      expect(() => checkInjection({ kind: 'header', name: 'Authorization', template })).toThrow(invalid);
    },
  );

  test.each(['a:b', 'a\nb', 'ä', 'a'.repeat(257), '{value}', 'a{value}:', '{value}:a:b', '{value}:{value}'])(
    'with the user name %j is refused',
    (username) => {
      expect(() => checkInjection({ kind: 'basic', username })).toThrow(invalid);
    },
  );

  test.each(['', 'a&b', 'a=b', 'a b', 'a%62', 'a#', 'ä'])('with the query parameter %j is refused', (name) => {
    expect(() => checkInjection({ kind: 'query', name })).toThrow(invalid);
  });

  test.each([
    '',
    'bot',
    '{value}{value}',
    'a/{value}',
    '{value}/b',
    'a%2f{value}',
    '{value}?',
    '{value}#',
    '{value};p',
    '{value} ',
    'ä{value}',
  ])('into the path segment %j is refused', (template) => {
    expect(() => checkInjection({ kind: 'path', template })).toThrow(invalid);
  });

  test('nowhere, or twice in one place, is refused', () => {
    expect(() => checkInjection({ kind: 'placeholder', in: [] })).toThrow(invalid);
    expect(() => checkInjection({ kind: 'placeholder', in: ['header', 'header'] })).toThrow(invalid);
  });

  test('says everything that is wrong at once', () => {
    expect(() => checkInjection({ kind: 'header', name: 'Host', template: 'x\n' })).toThrow(/Host.*\n.*\{value\}.*\n.*ASCII/s);
  });
});

describe('THREATS 8: a value is judged before it is stored', () => {
  test('printable ASCII from 8 bytes to 16 KiB is accepted', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[!-~][ -~]{6,300}[!-~]$/), (text) => {
        checkValue(bytes(text));
      }),
    );
    checkValue(bytes('x'.repeat(16_384)));
  });

  test.each([
    ['', /empty/],
    ['1234567', /shorter/],
    ['x'.repeat(16_385), /longer/],
    ['12345678\n', /line end/],
    ['1234\r\n5678', /line break/],
    ['1234\x005678', /control/],
    ['1234\x7f5678', /control/],
    ['1234ü5678', /non-ASCII/],
    [' 12345678', /space/],
    ['12345678 ', /space/],
  ])('%j is refused', (text, why) => {
    expect(() => checkValue(bytes(text))).toThrow(why);
    expect(() => checkValue(bytes(text))).toThrow(invalid);
  });

  test('a value that is refused is not quoted', () => {
    expect(() => checkValue(bytes('hunter2hunter2\n'))).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });
});
