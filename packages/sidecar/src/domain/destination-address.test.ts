import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mayDial } from './destination-address.ts';

const inside = [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '100.64.0.1',
  '100.100.100.200',
  '127.0.0.1',
  '127.255.255.254',
  '168.63.129.16',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.192',
  '192.0.2.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
];

describe('an address that is not public is not dialled', () => {
  test.each([
    ...inside,
    '::',
    '::1',
    '::127.0.0.1',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:db8::1',
    '2002:808:808::1',
    '3fff::1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fec0::1',
    'ff02::1',
  ])('%s', (address) => {
    expect(mayDial(address, [])).toBe(false);
  });

  test.each(inside)('%s within a v4-mapped, v4-translated, NAT64 or 6to4 address', (address) => {
    const hex = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
    const groups = `${hex[0]}${hex[1]}:${hex[2]}${hex[3]}`;
    const carrying = [`::ffff:${address}`, `::ffff:${groups}`, `::ffff:0:${address}`, `64:ff9b::${groups}`, `2002:${groups}::1`];
    expect(carrying.filter((each) => mayDial(each, []))).toEqual([]);
  });

  test.each(['', 'localhost', 'fe80::1%eth0', '0x8.8.8.8', '8.8.8', '08.8.8.8', '[2606:4700::1]', '8.8.8.8 ', '8.8.8.8\0'])(
    '%j, which is none',
    (address) => {
      expect(mayDial(address, ['0.0.0.0/0', '::/0'])).toBe(false);
    },
  );
});

describe('an address may be dialled', () => {
  test.each([
    '1.1.1.1',
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.0.1',
    '172.32.0.1',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '64:ff9b::8.8.8.8',
    '::ffff:8.8.8.8',
  ])('when it is public: %s', (address) => {
    expect(mayDial(address, [])).toBe(true);
  });

  test('when the destination lists its range, however the address is carried', () => {
    expect(['127.0.0.1', '::ffff:127.0.0.1', '64:ff9b::7f00:1'].every((address) => mayDial(address, ['10.0.0.0/8', '127.0.0.0/8']))).toBe(
      true,
    );
    expect(mayDial('::1', ['::1/128'])).toBe(true);
    expect(mayDial('fd12::1', ['fd12::/16'])).toBe(true);
  });

  test('only within the range that is listed', () => {
    expect(['10.0.0.2', '::1', '127.0.0.1', '169.254.169.254'].some((address) => mayDial(address, ['10.0.0.1/32', 'not a range']))).toBe(
      false,
    );
  });
});

test('listing one address opens that address and no other', () => {
  fc.assert(
    fc.property(fc.constantFrom(...inside), fc.constantFrom(...inside), (listed, address) => {
      expect(mayDial(address, [`${listed}/32`])).toBe(address === listed);
    }),
  );
});

test('INV-8: in clear text a value goes to addresses that were listed for it, and nowhere else', () => {
  expect(mayDial('93.184.215.14', [], 'http')).toBe(false);
  expect(mayDial('93.184.215.14', ['10.0.0.0/8'], 'http')).toBe(false);
  expect(mayDial('10.1.2.3', ['10.0.0.0/8'], 'http')).toBe(true);
});
