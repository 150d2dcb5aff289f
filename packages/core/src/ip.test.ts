import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cidrContains, isCidr, parseCidr, parseIp } from './ip.ts';

describe('an address is read strictly', () => {
  test.each([
    ['127.0.0.1', [127, 0, 0, 1]],
    ['::', Array(16).fill(0)],
    ['::1', [...Array(15).fill(0), 1]],
    ['2001:DB8::1', [0x20, 0x01, 0x0d, 0xb8, ...Array(11).fill(0), 1]],
    ['::ffff:10.0.0.1', [...Array(10).fill(0), 255, 255, 10, 0, 0, 1]],
    ['64:ff9b::1.2.3.4', [0, 0x64, 0xff, 0x9b, ...Array(8).fill(0), 1, 2, 3, 4]],
    ['1:2:3:4:5:6:7::', [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0]],
  ])('%s', (text, bytes) => {
    expect(parseIp(text)).toEqual(bytes);
  });

  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '0x7f.0.0.1',
    '256.0.0.1',
    '1.2.3.4 ',
    '1.2.3.-4',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::12345',
    '::g',
    'fe80::1%eth0',
    '[::1]',
    '::1.2.3.4:5',
    '1.2.3.4::',
    '::1.2.3',
    'example.com',
  ])('%j is none', (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  test('the URL parser reads every IPv6 address as the same bytes', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const canonical = URL.parse(`http://[${text}]/`)?.hostname.slice(1, -1);
        expect(parseIp(text)).toEqual(parseIp(canonical ?? ''));
        expect(parseIp(text)).toHaveLength(16);
      }),
    );
  });
});

describe('a range', () => {
  test.each(['', '10.0.0.0', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0.0/08x', '::/129', 'x/8', '10/8'])(
    '%j is none',
    (text) => {
      expect(isCidr(text)).toBe(false);
    },
  );

  test.each([
    ['10.0.0.0/8', '10.255.255.255', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['172.16.0.0/12', '172.31.255.255', true],
    ['172.16.0.0/12', '172.32.0.0', false],
    ['0.0.0.0/0', '8.8.8.8', true],
    ['0.0.0.0/0', '::1', false],
    ['1.2.3.4/32', '1.2.3.4', true],
    ['1.2.3.4/32', '1.2.3.5', false],
    ['fc00::/7', 'fdff::1', true],
    ['fc00::/7', 'fe00::1', false],
    ['::/0', '10.0.0.1', false],
  ])('%s holds %s: %s', (range, address, holds) => {
    const cidr = parseCidr(range);
    expect(cidr !== undefined && cidrContains(cidr, parseIp(address) ?? [])).toBe(holds);
  });

  test('holds exactly the addresses that share its leading bits', () => {
    const address = fc.uint8Array({ minLength: 4, maxLength: 4 });
    const bits = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    fc.assert(
      fc.property(address, address, fc.nat(32), fc.nat(32), (base, noise, shared, length) => {
        const other = base.map((byte, index) => byte ^ ((noise[index] ?? 0) & (0xff >> Math.min(8, Math.max(0, shared - index * 8)))));
        expect(cidrContains({ bytes: [...base], bits: length }, [...other])).toBe(
          bits(base).slice(0, length) === bits(other).slice(0, length),
        );
      }),
    );
  });
});
