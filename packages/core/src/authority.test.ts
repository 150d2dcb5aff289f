import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAuthority, mustAgree, parseAbsoluteTarget, parseHostAndPort } from './authority.ts';

describe('an authority has one reading', () => {
  test.each([
    ['API.x.com', 'https', 'api.x.com', 443],
    ['api.x.com.', 'http', 'api.x.com', 80],
    ['api.x.com:8443', 'https', 'api.x.com', 8443],
    ['[::1]:8080', 'http', '::1', 8080],
    ['0x7f.1:80', 'http', '127.0.0.1', 80],
  ] as const)('%s over %s', (text, scheme, host, port) => {
    expect(parseHostAndPort(text, scheme)).toEqual({ scheme, host, port });
  });

  test.each([
    '',
    ':443',
    'api.x.com:',
    'api.x.com:8o80',
    'api.x.com:0',
    'api.x.com:65536',
    'api.x.com:-1',
    'api.x.com: 80',
    'api.x.com:80:80',
    'api.x.com:4 43',
    'user@api.x.com',
    'user:password@api.x.com',
    'api.x.com, evil.com',
    'api.x.com evil.com',
    'api.x.com/path',
    'api.x.com?x',
    'api.x.com#x',
    ' api.x.com',
    'api.x.com\t',
    'api.x.com\r\nx: y',
    'bücher.example',
    '::1',
    '[api.x.com]',
    '[::1]443',
    '[::1',
  ])('%j is refused', (text) => {
    expect(() => parseHostAndPort(text, 'https')).toThrow(expect.objectContaining({ code: 'bad_request' }));
  });

  test('what is read is written, and then read as the same; nothing with a user in it is read', () => {
    const piece = fc.constantFrom(
      'api',
      '.',
      'x.com',
      'X',
      ':',
      '443',
      '80',
      '@',
      '[',
      ']',
      '::1',
      '0x7f.1',
      ' ',
      '%41',
      '-',
      '*',
      '\\',
      '/',
      'ü',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const text = pieces.join('');
        try {
          const authority = parseHostAndPort(text, 'https');
          expect(parseHostAndPort(formatAuthority(authority).slice('https://'.length), 'https')).toEqual(authority);
          expect(text).toMatch(/^[\w.:[\]-]+$/);
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad_request' });
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('an absolute-form target', () => {
  test.each([
    ['http://api.x.com', '/'],
    ['http://api.x.com/', '/'],
    ['HTTP://API.x.com:80/v1/a%20b?q=1&q=2', '/v1/a%20b?q=1&q=2'],
    ['http://api.x.com?q=1', '/?q=1'],
  ])('%s keeps its path byte by byte', (target, path) => {
    expect(parseAbsoluteTarget(target)).toEqual({ scheme: 'http', host: 'api.x.com', port: 80, path });
  });

  test.each([
    '/v1',
    'api.x.com:443',
    'ftp://api.x.com/',
    'http:/api.x.com',
    'http:///v1',
    'http://a@api.x.com/',
    'http://api.x.com\\@evil.com/',
    '//api.x.com/',
    '*',
  ])('%s is refused', (target) => {
    expect(() => parseAbsoluteTarget(target)).toThrow(expect.objectContaining({ code: 'bad_request' }));
  });
});

describe('what names the authority must name the same one', () => {
  test.each([
    ['api.x.com', 'API.X.COM.:443'],
    ['127.0.0.1', '0x7f.1'],
    ['[::1]', '[0:0:0:0:0:0:0:1]:443'],
  ])('%s agrees with %s', (one, other) => {
    mustAgree(parseHostAndPort(one, 'https'), parseHostAndPort(other, 'https'));
  });

  test.each([
    ['api.x.com', 'api.x.com:8443'],
    ['api.x.com', 'evil.com'],
    ['api.x.com', 'api.x.com.evil.com'],
    ['127.0.0.1', '[::ffff:127.0.0.1]'],
  ])('%s disagrees with %s', (one, other) => {
    expect(() => mustAgree(parseHostAndPort(one, 'https'), parseHostAndPort(other, 'https'))).toThrow(
      expect.objectContaining({ code: 'authority_mismatch' }),
    );
  });
});
