import { expect, test } from 'vitest';
import { outgoingSockets } from './tcp-table.ts';

const heading = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const row = (remote: string, state = '01', inode = '4242') =>
  `   0: 0100007F:C350 ${remote} ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1 0000000000000000 20 4 30 10 -1`;

test.each([
  ['IPv4', row('22D8B85D:01BB'), '93.184.216.34', 443],
  ['one that is being dialled', row('22D8B85D:01BB', '02'), '93.184.216.34', 443],
  ['IPv6', row('B80D0120000000000000000001000000:1F90'), '2001:db8::1', 8080],
  ['IPv4 on a socket of IPv6', row('0000000000000000FFFF000022D8B85D:0050'), '93.184.216.34', 80],
])('%s is seen', (_, line, remoteAddress, remotePort) => {
  expect(outgoingSockets(`${heading}\n${line}\n`)).toEqual([{ remoteAddress, remotePort, inode: '4242' }]);
});

test.each([
  ['loopback', row('0100007F:01BB')],
  ['another address of loopback', row('0200007F:01BB')],
  ['loopback of IPv6', row('00000000000000000000000001000000:01BB')],
  ['loopback of IPv4 on a socket of IPv6', row('0000000000000000FFFF00000100007F:01BB')],
  ['a listener', row('00000000:0000', '0A')],
  ['one that nobody holds any more', row('22D8B85D:01BB', '06', '0')],
  ['what is no row', 'nonsense'],
  ['nothing', ''],
])('%s is left out', (_, line) => {
  expect(outgoingSockets(`${heading}\n${line}\n`)).toEqual([]);
});
