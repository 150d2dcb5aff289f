import { type Cidr, cidrContains, type Destination, type IpBytes, parseCidr, parseIp } from '@leasehold/core';

// IANA special-purpose registries (https://www.iana.org/assignments/iana-ipv4-special-registry, …-ipv6-special-registry) and multicast.
const forbidden: readonly Cidr[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32', // the metadata channel of one cloud, at a public address
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
  '2002::/16',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
].flatMap((text) => parseCidr(text) ?? []);

// Addresses that end with an IPv4 address, which is what counts (THREATS 11): v4-mapped, v4-translated, and NAT64, which is how clusters
// without IPv4 reach every public service. 6to4 and Teredo carry one too, but nobody needs them any more (RFC 7526): they are refused whole.
const carriers: readonly Cidr[] = ['::ffff:0:0/96', '::ffff:0:0:0/96', '64:ff9b::/96'].flatMap((text) => parseCidr(text) ?? []);

/**
 * Whether a resolved address may be dialled for a destination that lists these private ranges. Everything that is not public is refused
 * unless listed; what is no address is refused (INV-8).
 */
export function mayDial(address: string, privateCidrs: readonly string[], scheme: Destination['scheme'] = 'https'): boolean {
  const written = parseIp(address);
  if (written === undefined) return false;
  const bytes = carriedIpv4(written) ?? written;
  // In clear text a value goes nowhere but into the networks that the operator named for it.
  if (scheme === 'https' && !forbidden.some((range) => cidrContains(range, bytes))) return true;
  return privateCidrs.some((text) => {
    const range = parseCidr(text);
    return range !== undefined && cidrContains(range, bytes);
  });
}

function carriedIpv4(bytes: IpBytes): IpBytes | undefined {
  return carriers.some((range) => cidrContains(range, bytes)) ? bytes.slice(12) : undefined;
}
