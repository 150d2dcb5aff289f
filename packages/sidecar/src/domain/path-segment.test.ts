import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeSegment, pathSegment, withoutSegment, withSegment } from './path-segment.ts';

const placeholder = '1234:leasehold-0123456789ABCDEFGHIJKL';
const bot = pathSegment('bot{value}', placeholder);
const bare = pathSegment('{value}', placeholder);

describe('a path with the credential as a segment', () => {
  test.each([
    ['/sendMessage?x=1', '/botOURS/sendMessage?x=1'],
    ['/', '/botOURS/'],
    ['/bot99:mine/sendMessage?x=/bot1', '/botOURS/sendMessage?x=/bot1'],
    ['/bot/sendMessage', '/botOURS/sendMessage'],
    ['/bot99:mine', '/botOURS'],
    [`/bot${placeholder}/getMe`, '/botOURS/getMe'],
    [`/bot${placeholder.replace(':', '%3a')}/getMe`, '/botOURS/getMe'],
    [`/file/bot${placeholder}/documents/1`, '/file/botOURS/documents/1'],
    ['/file/bot99:mine/documents/1', '/botOURS/file/bot99:mine/documents/1'],
  ])('INV-9: %s goes out as %s', (path, expected) => {
    expect(withSegment(path, bot, 'OURS')).toBe(expected);
  });

  test('a template without text of its own replaces the placeholder, and is put ahead of everything else', () => {
    expect(withSegment('/hook/x', bare, 'OURS')).toBe('/OURS/hook/x');
    expect(withSegment(`/hook/${placeholder}/x`, bare, 'OURS')).toBe('/hook/OURS/x');
  });

  test.each([
    ['/sendMessage', '/sendMessage'],
    ['/bot99:mine/sendMessage', '/sendMessage'],
    [`/file/bot${placeholder}/documents/1`, '/file/documents/1'],
    [`/bot${placeholder}`, '/'],
    ['/', '/'],
  ])('policy judges %s as %s', (path, expected) => {
    expect(withoutSegment(path, bot)).toBe(expected);
  });

  test('what policy judged and what goes out differ by that segment alone, whatever the agent sends', () => {
    const part = fc.constantFrom('bot', 'bot1', `bot${placeholder}`, placeholder, 'v1', 'files', 'b');
    fc.assert(
      fc.property(fc.constantFrom(bot, bare), fc.array(part, { minLength: 1, maxLength: 5 }), (segment, parts) => {
        const path = `/${parts.join('/')}`;
        const sent = withSegment(path, segment, 'OURS').split('/');
        const ours = sent.indexOf(`${segment.before}OURS`);
        expect(sent.filter((each) => each.includes('OURS'))).toHaveLength(1);
        expect(sent.toSpliced(ours, 1).join('/') || '/').toBe(withoutSegment(path, segment));
      }),
    );
  });
});

test('a value stays one segment, whatever is in it, and reads as it was', () => {
  expect(encodeSegment('123:AB-c_d$&+,=@')).toBe('123:AB-c_d$&+,=@');
  fc.assert(
    fc.property(fc.stringMatching(/^[ -~]{1,40}$/), (value) => {
      const encoded = encodeSegment(value);
      expect(encoded).toMatch(/^[A-Za-z0-9\-._~!$&'()*+,=:@%]*$/);
      expect(decodeURIComponent(encoded)).toBe(value);
    }),
  );
});
