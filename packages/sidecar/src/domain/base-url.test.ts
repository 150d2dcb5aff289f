import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BaseUrlView, rewriteForBaseUrl } from './base-url.ts';

const base = 'http://127.0.0.1:7480/api';
const view: BaseUrlView = { baseUrl: base, upstream: { scheme: 'https', host: 'api.x.com', port: 443 }, path: '/v1/jobs?x=1' };

function rewritten(name: string, text: string, more: Partial<BaseUrlView> = {}): string | undefined {
  const headers = ['x-before', text, name, text];
  rewriteForBaseUrl(headers, () => ({ ...view, ...more }));
  expect(headers.slice(0, 3)).toEqual(['x-before', text, name]);
  return headers[3];
}

describe('an address at the upstream becomes one at the base URL', () => {
  test.each([
    ['/v1/jobs/7?a=%2F&b#c', `${base}/v1/jobs/7?a=%2F&b#c`],
    ['https://api.x.com/v1/jobs/7?a=%2f', `${base}/v1/jobs/7?a=%2f`],
    ['HTTPS://API.x.com:443/v1', `${base}/v1`],
    ['https://api.x.com', `${base}/`],
    ['https://api.x.com?next=1', `${base}/?next=1`],
    ['//api.x.com/v1', `${base}/v1`],
    ['7', `${base}/v1/7`],
    ['?page=2', `${base}/v1/jobs?page=2`],
    ['../../other/v1', `${base}/other/v1`],
    ['/../other/v1', `${base}/other/v1`],
    ['https://api.x.com/a/..%2e/../%2e%2e/other', `${base}/other`],
    ['', `${base}/v1/jobs?x=1`],
  ])('%j as %s', (text, expected) => {
    for (const name of ['location', 'content-location', 'operation-location']) expect(rewritten(name, text)).toBe(expected);
  });

  test('THREATS 34: a header as long as a head takes no longer by its spaces', () => {
    const took = (length: number) => {
      const spaces = ' '.repeat(length);
      const startedAt = performance.now();
      for (const text of [`1${spaces}x`, `0;url=a${spaces}x`, `0;url="${spaces}`]) rewritten('refresh', text);
      rewritten('link', '<'.repeat(length));
      return performance.now() - startedAt;
    };
    took(64_000);
    expect(took(64_000)).toBeLessThan(30 * (took(8_000) + 1));
  });

  test('also in links and refreshes', () => {
    expect(
      rewritten('link', '<https://api.x.com/v1?page=2>; rel="next", </v1?page=9>; rel="last", <https://docs.x.com/>; rel="help"'),
    ).toBe(`<${base}/v1?page=2>; rel="next", <${base}/v1?page=9>; rel="last", <https://docs.x.com/>; rel="help"`);
    expect(rewritten('refresh', '5; url=https://api.x.com/v1')).toBe(`5; url=${base}/v1`);
    expect(rewritten('refresh', '0;URL="/v1"')).toBe(`0;URL="${base}/v1"`);
    expect(rewritten('refresh', "0; url = '/v1' ")).toBe(`0; url ='${base}/v1'`);
    for (const odd of ['5', '5; uri=/v1', `${'1'.repeat(64)};url=/v1`, '']) expect(rewritten('refresh', odd)).toBe(odd);
  });

  test('on a port and a host of its own', () => {
    const upstream = { scheme: 'http', host: '::1', port: 8080 } as const;
    expect(rewritten('location', 'http://[::1]:8080/x', { upstream })).toBe(`${base}/x`);
    expect(rewritten('location', 'http://[::1]/x', { upstream })).toBe('http://[::1]/x');
  });
});

describe('THREATS 3: any other address is handed back as it is', () => {
  test.each([
    'https://api.x.com.evil/v1',
    'https://evil.example/api.x.com',
    'http://api.x.com/v1',
    'https://api.x.com:8443/v1',
    'https://api.x.com@evil.example/',
    'https://me@api.x.com/',
    'https://other.x.com/',
    'mailto:a@api.x.com',
    'https://[broken',
  ])('%s', (text) => {
    expect(rewritten('location', text)).toBe(text);
  });

  test.each([
    ['//evil.example/x', 'https://evil.example/x'],
    ['/\\evil.example/x', 'https://evil.example/x'],
  ])('%s takes the upstream’s scheme, not ours', (text, expected) => {
    expect(rewritten('location', text)).toBe(expected);
  });
});

test('THREATS 3: no address leads to the base URL of another credential', () => {
  const part = fc.constantFrom(
    '/',
    '//',
    '..',
    '../',
    '.',
    'other',
    '\\',
    '?',
    '#',
    '@',
    ':',
    '%2e%2e',
    'https:',
    'api.x.com',
    '127.0.0.1:7480',
    ';',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const followed = URL.parse(rewritten('location', parts.join('')) ?? '', `${base}/v1/jobs`);
      if (followed?.host !== '127.0.0.1:7480' || followed.protocol !== 'http:') return;
      expect(followed.pathname).toMatch(/^\/api\//);
    }),
    { numRuns: 2_000 },
  );
});

describe('a cookie stays with the base URL of its credential', () => {
  test.each([
    ['a=1', 'a=1'],
    ['a=1; Path=/; Domain=x.com; Secure; HttpOnly; SameSite=None', 'a=1; Path=/api/; HttpOnly'],
    ['a=1; path=/v1; samesite=Lax; Max-Age=5', 'a=1; Path=/api/v1; samesite=Lax; Max-Age=5'],
    ['a=1; Path=v1; DOMAIN = .x.com', 'a=1'],
    ['a=b=c; Path=/a=b', 'a=b=c; Path=/api/a'],
  ])('%s is kept as %s', (text, expected) => {
    expect(rewritten('set-cookie', text)).toBe(expected);
  });

  test('where the base URL has TLS, it may go on asking for it', () => {
    expect(rewritten('set-cookie', 'a=1; Secure; SameSite=None', { baseUrl: 'https://gateway:7480/api' })).toBe(
      'a=1; Secure; SameSite=None',
    );
  });
});
