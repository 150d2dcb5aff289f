import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readProxyAuthorization } from './proxy-authorization.ts';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

test.each([
  ['Bearer', 'Bearer lha_abc', 'lha_abc'],
  ['Basic', basic('agent:lha_abc'), 'lha_abc'],
  ['a scheme in another letter case', 'bASIC YWdlbnQ6bGhhX2FiYw==', 'lha_abc'],
  ['any user name', basic('somebody else:lha_abc'), 'lha_abc'],
  ['no user name', basic(':lha_abc'), 'lha_abc'],
  ['a password with a colon', basic('agent:lha:abc'), 'lha:abc'],
])('the token is read from %s', (_, value, token) => {
  expect(readProxyAuthorization(['Host', 'x', 'Proxy-Authorization', value])).toBe(token);
  expect(readProxyAuthorization(['PROXY-authorization', value])).toBe(token);
});

test.each([
  '',
  'Bearer',
  'Basic',
  'Basic !!!',
  basic('no colon'),
  'Digest username="x"',
  'lha_abc',
  'Bearer two words',
  `Bearer ${'x'.repeat(5_000)}`,
])('what can not be read is nobody’s token: %s', (value) => {
  expect(readProxyAuthorization(['Proxy-Authorization', value])).toBe('');
});

test('a request without the header proves nothing, and one with two is refused', () => {
  expect(readProxyAuthorization(['Authorization', 'Bearer lha_abc'])).toBeUndefined();
  expect(() => readProxyAuthorization(['Proxy-Authorization', 'Bearer a', 'proxy-authorization', 'Bearer a'])).toThrow(
    /two Proxy-Authorization/,
  );
});

test('whatever comes, it is a text or nothing, and never more than what was sent', () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      const token = readProxyAuthorization(['Proxy-Authorization', value]);
      return token !== undefined && token.length <= value.length;
    }),
  );
});
