/** One socket of a table of the kernel's: proc_pid_net(5). */
export interface TcpSocket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly inode: string;
}

/** The sockets of `/proc/PID/net/tcp` or `tcp6` that lead, or are about to lead, to an address that is not loopback. */
export function outgoingSockets(table: string): readonly TcpSocket[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, , remote = '', state = '', , , , , , inode = '0'] = line.trim().split(/\s+/);
      const [, hex = '', port = '0'] = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(remote) ?? [];
      const bytes = bytesOf(hex);
      if (bytes.length === 0 || state === listening || inode === '0' || isLocal(bytes)) return [];
      return [{ remoteAddress: textOf(bytes), remotePort: Number.parseInt(port, 16), inode }];
    });
}

const listening = '0A';

/** The kernel prints words of four bytes in the machine's order, and every machine that we run on is little-endian. */
function bytesOf(hex: string): readonly number[] {
  const words = hex.match(/.{8}/g) ?? [];
  return words.flatMap((word) => [6, 4, 2, 0].map((at) => Number.parseInt(word.slice(at, at + 2), 16)));
}

/** Loopback, or nothing: a socket that is not connected yet. */
function isLocal(bytes: readonly number[]): boolean {
  const address = isMapped(bytes) ? bytes.slice(12) : bytes;
  if (address.every((byte) => byte === 0)) return true;
  return address.length === 4 ? address[0] === 127 : address.every((byte, index) => byte === (index === 15 ? 1 : 0));
}

/** An IPv4 address on a socket of IPv6 (RFC 4291 section 2.5.5.2). */
function isMapped(bytes: readonly number[]): boolean {
  return bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
}

function textOf(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.');
  if (isMapped(bytes)) return bytes.slice(12).join('.');
  const groups = [0, 2, 4, 6, 8, 10, 12, 14].map((at) => (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)).toString(16));
  // The URL parser writes the one canonical spelling (RFC 5952).
  return URL.parse(`http://[${groups.join(':')}]/`)?.hostname.slice(1, -1) ?? groups.join(':');
}
