import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkPath, pathHasPrefix } from './request-path.ts';

describe('a path that two servers could read differently is refused before policy', () => {
  test.each([
    '',
    'v1',
    '*',
    '/..',
    '/.',
    '/v1/../admin',
    '/v1/./x',
    '/v1/..',
    '/v1/%2e%2e/admin',
    '/v1/%2E./admin',
    '/v1/.%2e',
    '//v1',
    '/v1//x',
    '/v1//',
    '/v1/..;/admin',
    '/v1;p=1',
    '/v1%3bp',
    '/v1%2fadmin',
    '/v1%2Fadmin',
    '/v1%5cadmin',
    '/v1\\admin',
    '/v1%00',
    '/v1%0d%0a',
    '/v1%1f',
    '/v1%7f',
    '/v1\0',
    '/v1 x',
    '/v1\tx',
    '/v1\r\nx: y',
    '/v1%',
    '/v1%2',
    '/v1%zz',
    '/v1#x',
    '/v1/%252e%252e/x',
    '/v1%252fx',
    '/v1/%c0%ae%c0%ae/x',
    '/bücher',
    '/v1"x',
    '/v1?q=a b',
    '/v1?q=a#b',
    '/v1?q=\n',
    '/v1?q=\u00fc',
  ])('%j', (path) => {
    expect(() => checkPath(path)).toThrow(expect.objectContaining({ code: 'bad_request' }));
  });

  test.each([
    ['/', '/'],
    ['/v1/', '/v1/'],
    ['/v1/files/a.b-c_d~e', '/v1/files/a.b-c_d~e'],
    ['/v1/...', '/v1/...'],
    ['/v1/.well-known', '/v1/.well-known'],
    ['/v1/a%20b/@me:x', '/v1/a%20b/@me:x'],
    ['/v1?q=../..//;%00', '/v1'],
    ['/v1??', '/v1'],
    ['/?', '/'],
  ])('%s is taken as %s', (written, path) => {
    expect(checkPath(written)).toBe(path);
  });

  test('what passes is, segment by segment, what the URL parser sees too', () => {
    const piece = fc.oneof(
      fc.constantFrom('/', '.', '..', '%2e', '%2F', '%5C', ';', '\\', '%', '?', '#', ' ', 'v1', 'admin', '%25', '2e'),
      fc.string({ maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const written = `/${pieces.join('')}`;
        let path: string;
        try {
          path = checkPath(written);
        } catch {
          return;
        }
        expect(new URL(`http://x${written}`).pathname).toBe(path);
        expect(decodeLatin1(path).split('/')).toHaveLength(path.split('/').length);
        expect(written.startsWith(path)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  function decodeLatin1(path: string): string {
    return path.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
});

test.each([
  ['/v1', '/v1', true],
  ['/v1/', '/v1', true],
  ['/v1/x', '/v1', true],
  ['/v1/x', '/v1/', true],
  ['/v1', '/v1/', false],
  ['/v10', '/v1', false],
  ['/v1.evil', '/v1', false],
  ['/V1', '/v1', false],
  ['/x/v1', '/v1', false],
  ['/anything', '/', true],
])('%s below %s: %s, at a segment boundary', (path, prefix, isBelow) => {
  expect(pathHasPrefix(path, prefix)).toBe(isBelow);
});
