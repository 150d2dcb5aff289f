import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { beforeEach, expect, it } from 'vitest';
import { type Connections, createConnections, networkOf } from './connections.ts';

class FakeSocket extends EventEmitter {
  static ports = 0;
  readonly remotePort = ++FakeSocket.ports;
  readonly remoteAddress: string;
  isOpen = true;

  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }

  get peer() {
    return `${this.remoteAddress}:${this.remotePort}`;
  }

  /** As a real one: `close` comes later. */
  destroy() {
    this.isOpen = false;
    setImmediate(() => this.emit('close'));
  }
}

let connections: Connections;
let admitted: FakeSocket[];
beforeEach(() => {
  admitted = [];
  connections = createConnections({ max: 4, onAdmitted: (socket) => admitted.push(socket as unknown as FakeSocket) });
});

const dial = (address: string): FakeSocket => {
  const socket = new FakeSocket(address);
  connections.admit(socket as unknown as Socket);
  return socket;
};
const closed = () => new Promise((resolve) => setImmediate(resolve));
const open = () => admitted.filter(({ isOpen }) => isOpen).map(({ remoteAddress }) => remoteAddress);

it('when there is no room, the latest of the address with the most gives way to another address', () => {
  const flood = [1, 2, 3, 4].map(() => dial('10.0.0.9'));
  dial('10.0.0.1');
  expect(flood.map(({ isOpen }) => isOpen)).toEqual([true, true, true, false]);
  dial('10.0.0.2');
  expect(open()).toEqual(['10.0.0.9', '10.0.0.9', '10.0.0.1', '10.0.0.2']);
});

it('whoever floods is turned away himself', () => {
  for (let n = 0; n < 3; n += 1) dial('10.0.0.9');
  dial('10.0.0.1');
  for (let n = 0; n < 10; n += 1) expect(dial('10.0.0.9').isOpen).toBe(false);
  expect(open()).toEqual(['10.0.0.9', '10.0.0.9', '10.0.0.9', '10.0.0.1']);
});

it('nobody gives way to one who has as much', () => {
  for (const n of [1, 2, 3, 4]) dial(`10.0.0.${n}`);
  expect(dial('10.0.0.5').isOpen).toBe(false);
});

it('one that is kept gives way to nobody, as long as any stream needs it', () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const kept = [1, 2, 3, 4].map(() => dial('10.0.0.1'));
  for (const { peer } of kept) connections.keep(peer, first.signal);
  connections.keep(kept[0]?.peer ?? '', second.signal);
  expect(dial('10.0.0.2').isOpen).toBe(false);
  first.abort();
  dial('10.0.0.2');
  dial('10.0.0.3');
  expect(kept.map(({ isOpen }) => isOpen)).toEqual([true, true, false, false]);
});

it('one that closed makes room, and is not counted any more', async () => {
  const sockets = [1, 2, 3, 4].map(() => dial('10.0.0.9'));
  for (const socket of sockets.slice(0, 3)) connections.cut(socket.peer);
  await closed();
  for (const n of [1, 2, 3]) expect(dial(`10.0.0.${n}`).isOpen).toBe(true);
  // The one that is left of it is no more than others have.
  expect(dial('10.0.0.4').isOpen).toBe(false);
  expect(sockets[3]?.isOpen).toBe(true);
});

it('one that closed while it was kept is forgotten', async () => {
  const over = new AbortController();
  const gone = dial('10.0.0.9');
  connections.keep(gone.peer, over.signal);
  gone.destroy();
  await closed();
  over.abort();
  for (const n of [1, 2, 3, 4]) expect(dial(`10.0.0.${n}`).isOpen).toBe(true);
  expect(dial('10.0.0.9').isOpen).toBe(false);
});

it.each([
  ['10.0.0.1', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::6', '2001:db8:1:2'],
  ['2001:db8::6', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  [undefined, ''],
])('%s counts as one of the network %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});
