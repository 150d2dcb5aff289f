/**
 * What one peer has for itself, as a key to count by: an IPv4 address, or a /64 of IPv6, because whoever has one address of those has 2^64 (RFC 6177,
 * RFC 4291 section 2.5.4). `address` is as a socket names it.
 */
export function networkOf(address: string): string {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('%', 1).join().split('::');
  const groups = groupsOf(head);
  // `::` stands for as many zeros as are missing.
  if (tail !== undefined)
    groups.push(...Array<string>(Math.max(0, 8 - groups.length - groupsOf(tail).length)).fill('0'), ...groupsOf(tail));
  return `${groups.slice(0, 4).join(':')}::/64`;
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':');
}
