import { type Cidr, cidrContains, type IpBytes, parseCidr, parseIp } from '@leasehold/core';

// IANA special-purpose registries (https://www.iana.org/assignments/iana-ipv4-special-registry, …-ipv6-special-registry) and multicast.
const forbidden: readonly Cidr[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  '::1/128',
  '::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
].flatMap((text) => parseCidr(text) ?? []);

// Addresses that carry an IPv4 address: where it stands, it is what counts (THREATS 11).
const carriers: readonly { readonly range: Cidr; readonly at: number }[] = [
  { range: '::ffff:0:0/96', at: 12 }, // v4-mapped
  { range: '64:ff9b::/96', at: 12 }, // NAT64
  { range: '2002::/16', at: 2 }, // 6to4
].flatMap(({ range, at }) => {
  const parsed = parseCidr(range);
  return parsed === undefined ? [] : [{ range: parsed, at }];
});

/**
 * Whether a resolved address may be dialled for a destination that lists these private ranges. Everything that is not public is refused
 * unless listed; what is no address is refused (INV-8).
 */
export function mayDial(address: string, privateCidrs: readonly string[]): boolean {
  const written = parseIp(address);
  if (written === undefined) return false;
  const bytes = carriedIpv4(written) ?? written;
  if (!forbidden.some((range) => cidrContains(range, bytes))) return true;
  return privateCidrs.some((text) => {
    const range = parseCidr(text);
    return range !== undefined && cidrContains(range, bytes);
  });
}

function carriedIpv4(bytes: IpBytes): IpBytes | undefined {
  const carrier = carriers.find(({ range }) => cidrContains(range, bytes));
  return carrier === undefined ? undefined : bytes.slice(carrier.at, carrier.at + 4);
}
