import { type PlaceholderPlace, placeholderPlaces } from '@leasehold/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Injected, inject, prepareInjection } from './inject.ts';

const placeholder = 'sk-0123456789ABCDEFGHIJKL';
const value = 'live/4f9a+= "x"';

function sent(places: readonly PlaceholderPlace[], headers: readonly string[], path = '/v1', word = placeholder): Injected {
  return inject(
    headers,
    path,
    prepareInjection({ injection: { kind: 'placeholder', in: places }, placeholder: word }, value, btoa),
    'api.x.com',
  );
}

const valuesOf = ({ headers }: Injected) => headers.slice(4);

describe('in headers', () => {
  test.each([
    ['Authorization', `Bearer ${placeholder}`, `Bearer ${value}`],
    ['authorization', `token ${placeholder}`, `token ${value}`],
    ['X-Api-Key', placeholder, value],
    ['x_api_key', placeholder, value],
    ['X-Vendors-Own', `key=${placeholder};v=1`, `key=${value};v=1`],
    ['Cookie', `a=1; session=${placeholder}`, `a=1; session=${value}`],
    ['Authorization', `Basic ${btoa(`me:${placeholder}`)}`, `Basic ${btoa(`me:${value}`)}`],
    ['Authorization', `basic ${btoa(`${placeholder}:`)}`, `Basic ${btoa(`${value}:`)}`],
  ])('%s: %s becomes the value', (name, text, expected) => {
    expect(valuesOf(sent(['header'], [name, text]))).toEqual([name, expected]);
  });

  test.each([
    ['Authorization', 'Bearer mine'],
    ['Authorization', `Basic ${btoa('me:mine')}`],
    ['Authorization', `Basic !${placeholder}!`.replace(placeholder, 'x')],
    ['X-Api-Key', `${placeholder}0`],
    ['X-Api-Key', `x${placeholder}`],
    ['Proxy-Authorization', `Bearer ${placeholder}`],
    ['X-Original-URL', `/${placeholder}`],
  ])('INV-9: %s: %s, which does not hold the placeholder or is not for the upstream, is removed', (name, text) => {
    expect(valuesOf(sent(['header'], [name, text]))).toEqual([]);
  });

  test.each([
    ...['User-Agent', 'Referer', 'Origin', 'Accept', 'Content-Type', 'If-None-Match', 'Sec-Fetch-Site'],
    ...['X-Amz-Meta-A', 'X-Goog-Meta-A', 'X-Ms-Meta-A', 'X-Object-Meta-A', 'X-Meta-A', 'X-Request-Id', 'X-Correlation-Id'],
    ...['Idempotency-Key', 'X-Forwarded-For', 'Forwarded', 'Via', 'X-Amzn-Trace-Id', 'X-B3-TraceId', 'X-Cloud-Trace-Context'],
  ])('THREATS 2: %s carries no credential, so the placeholder in it stays one', (name) => {
    expect(valuesOf(sent(['header'], [name, placeholder]))).toEqual([name, placeholder]);
  });

  test('what Connection nominates goes, placeholder or not', () => {
    expect(valuesOf(sent(['header'], ['connection', 'x-key', 'x-key', placeholder]))).toEqual([]);
  });
});

describe('in query and path', () => {
  test.each([
    [`/v1?key=${placeholder}&q=1`, `/v1?key=${encodeURIComponent(value)}&q=1`],
    [`/v1?a=%22${placeholder}%22`, `/v1?a=%22${encodeURIComponent(value)}%22`],
    [`/v1?a=x${placeholder}`, `/v1?a=x${placeholder}`],
    [`/v1?a=${placeholder}.x`, `/v1?a=${placeholder}.x`],
  ])('%s goes out as %s', (path, expected) => {
    expect(sent(['query'], [], path).path).toBe(expected);
  });

  test('a value in a path stays one segment', () => {
    expect(sent(['path'], [], `/hooks/${placeholder}/x?y=${placeholder}`).path).toBe(`/hooks/live%2F4f9a+=%20%22x%22/x?y=${placeholder}`);
  });

  test('a colon and a tilde are known by their escapes, too', () => {
    const word = '12:ab~0123456789ABCDEFGHIJKL';
    for (const spelling of ['12:ab~', '12%3Aab%7E', '12%3aab~', '12:ab%7e'])
      expect(sent(['query'], [], `/?k=${spelling}0123456789ABCDEFGHIJKL`, word).path).toBe(`/?k=${encodeURIComponent(value)}`);
  });
});

test('without the placeholder nothing of ours goes out, and what is there stays byte by byte', () => {
  const plain = fc.stringMatching(/^[!-~]{0,30}$/).filter((text) => !text.includes(placeholder));
  fc.assert(
    fc.property(fc.subarray([...placeholderPlaces], { minLength: 1 }), plain, plain, (places, text, query) => {
      const injected = sent(places, ['x-own', text], `/v1?${query}`);
      expect(injected).toEqual({
        headers: ['host', 'api.x.com', 'accept-encoding', 'identity', 'x-own', text],
        secretNames: [],
        path: `/v1?${query}`,
      });
    }),
  );
});

test('the value appears exactly where the placeholder stood as a whole word, in the places that were named, and nowhere else', () => {
  const around = fc.constantFrom('', ' ', 'a', '=', '-', '.', '&');
  const word = fc
    .tuple(around, around)
    .map(([before, after]) => ({ text: before + placeholder + after, isWord: !/[a.-]/.test(before + after) }));
  fc.assert(
    fc.property(fc.subarray([...placeholderPlaces], { minLength: 1 }), word, word, (places, header, query) => {
      const injected = sent(places, ['x-own', header.text], `/v1?q=${query.text.replace(' ', '+')}`);
      const inHeaders = injected.headers.join('\n').split(value).length - 1;
      const inPath = injected.path.split(encodeURIComponent(value)).length - 1;
      expect(inHeaders).toBe(places.includes('header') && header.isWord ? 1 : 0);
      expect(inPath).toBe(places.includes('query') && query.isWord ? 1 : 0);
    }),
  );
});

test('THREATS 39: a request that holds the placeholder many times does not grow without a bound', () => {
  const many = (count: number) => `/v1?${`k=${placeholder}&`.repeat(count)}`;
  expect(sent(['query'], [], many(16)).path).toContain(encodeURIComponent(value));
  expect(() => sent(['query'], [], many(17))).toThrow(expect.objectContaining({ code: 'bad_request' }));
  const headers = Array.from({ length: 17 }, (_, index) => [`x-${index}`, placeholder]).flat();
  expect(() => sent(['header'], headers)).toThrow(expect.objectContaining({ code: 'bad_request' }));
});
