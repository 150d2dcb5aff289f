import fc from 'fast-check';
import { expect, test } from 'vitest';
import { withParameter } from './query-parameter.ts';

test.each([
  ['/v1', '/v1?key=ours'],
  ['/v1?', '/v1?key=ours'],
  ['/v1?a=1&b=%20', '/v1?a=1&b=%20&key=ours'],
  ['/v1?key=1', '/v1?key=ours'],
  ['/v1?key', '/v1?key=ours'],
  ['/v1?a=1&key=1&b=2&key=2', '/v1?a=1&b=2&key=ours'],
  ['/v1?KEY=1&Key=2', '/v1?key=ours'],
  ['/v1?%6bey=1&k%65%59=2', '/v1?key=ours'],
  ['/v1?key%3D=1', '/v1?key%3D=1&key=ours'],
  ['/v1?key[]=1&key%5B0%5D=2', '/v1?key=ours'],
  ['/v1?+key=1&key%20=2&%00key=3', '/v1?%00key=3&key=ours'],
  ['/v1?a=1;key=2', '/v1?key=ours'],
  ['/v1?monkey=1&keys=2&a=key', '/v1?monkey=1&keys=2&a=key&key=ours'],
  ['/v1?%ff=1&%=2', '/v1?%ff=1&%=2&key=ours'],
  ['/v1?a=1?key=2', '/v1?a=1?key=2&key=ours'],
])('%s goes out as %s', (path, expected) => {
  expect(withParameter(path, 'key', 'ours')).toBe(expected);
});

test('whatever the agent sends, a reader of the query finds one value, and every other parameter as it was', () => {
  const name = fc.constantFrom('key', 'KEY', '%6Bey', 'k%65y', 'a', 'b', 'keys', 'key%5B%5D');
  const pair = fc.tuple(name, fc.constantFrom('', '=', '=1', '=key=2', '=%26key')).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 8 }), (pairs) => {
      const path = `/v1?${pairs.join('&')}`;
      const written = withParameter(path, 'key', 'ours');
      const read = [...new URL(`http://x${written}`).searchParams].filter(
        ([each]) => each.toLowerCase().startsWith('key') && each !== 'keys',
      );
      expect(read).toEqual([['key', 'ours']]);
      const others = (from: string) => [...new URL(`http://x${from}`).searchParams].filter(([each]) => ['a', 'b', 'keys'].includes(each));
      expect(others(written)).toEqual(others(path));
    }),
  );
});
