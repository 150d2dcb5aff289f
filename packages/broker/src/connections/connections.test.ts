import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Connections, createConnections } from './connections.ts';

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
let maxSafePerOwner: number;
let admitted: FakeSocket[];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
  admitted = [];
  connect(4);
});
function connect(most: number): void {
  maxSafePerOwner = most;
  connections = createConnections({
    max: 4,
    maxSafePerOwner,
    giveWayAfterMs: 10_000,
    proveWithinMs: 30_000,
    now: Date.now,
    onAdmitted: (socket) => admitted.push(socket as unknown as FakeSocket),
  });
}
afterEach(() => {
  vi.useRealTimers();
});

const dial = (address: string): FakeSocket => {
  const socket = new FakeSocket(address);
  connections.admit(socket as unknown as Socket);
  return socket;
};
/** And its handshake begins at once. */
const begin = (address: string): FakeSocket => {
  const socket = dial(address);
  connections.begun(socket.peer);
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
  for (const { peer } of kept) connections.keep(peer, 'one', first.signal);
  connections.keep(kept[0]?.peer ?? '', 'one', second.signal);
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
  connections.keep(gone.peer, 'one', over.signal);
  gone.destroy();
  await closed();
  over.abort();
  for (const n of [1, 2, 3, 4]) expect(dial(`10.0.0.${n}`).isOpen).toBe(true);
  expect(dial('10.0.0.9').isOpen).toBe(false);
});

it('a /64 of IPv6 counts as one address, and an IPv4 address as itself', () => {
  for (let n = 1; n <= 3; n += 1) dial(`2001:db8:0:1::${n}`);
  dial('::ffff:10.0.0.1');
  expect(dial('2001:db8:0:1:ffff::9').isOpen).toBe(false);
  expect(dial('::ffff:10.0.0.2').isOpen).toBe(true);
  expect(open()).toEqual(['2001:db8:0:1::1', '2001:db8:0:1::2', '::ffff:10.0.0.1', '::ffff:10.0.0.2']);
});

it('among equals the oldest that had its time to prove itself gives way to a newcomer', () => {
  const first = begin('10.0.0.1');
  vi.advanceTimersByTime(5_000);
  const others = [2, 3, 4].map((n) => begin(`10.0.0.${n}`));
  vi.advanceTimersByTime(4_999);
  expect(dial('10.0.0.5').isOpen).toBe(false);
  vi.advanceTimersByTime(1);
  expect(dial('10.0.0.6').isOpen).toBe(true);
  expect([first, ...others].map(({ isOpen }) => isOpen)).toEqual([false, true, true, true]);
  expect(dial('10.0.0.7').isOpen).toBe(false);
});

it('nobody gives way for having waited for his handshake', () => {
  for (const n of [1, 2, 3, 4]) dial(`10.0.0.${n}`);
  vi.advanceTimersByTime(600_000);
  expect(dial('10.0.0.5').isOpen).toBe(false);
});

it('who has the most gets no place of others, however old those are', () => {
  for (const n of [1, 2, 3]) begin(`10.0.0.${n}`);
  begin('10.0.0.9');
  vi.advanceTimersByTime(20_000);
  expect(dial('10.0.0.9').isOpen).toBe(false);
});

it('one that proves nothing is closed when its time is up, and each question that came whole gives it new time', async () => {
  const [silent, asking] = [begin('10.0.0.1'), begin('10.0.0.2')];
  vi.advanceTimersByTime(29_999);
  connections.asked(asking.peer);
  vi.advanceTimersByTime(1);
  expect([silent.isOpen, asking.isOpen]).toEqual([false, true]);
  vi.advanceTimersByTime(29_999);
  expect(asking.isOpen).toBe(false);
});

it('one that was proven gives way to nobody until that is long ago, and is never closed for its silence', () => {
  const proven = [1, 2, 3, 4].map((n) => begin(`10.0.0.${n}`));
  for (const { peer } of proven) connections.proven(peer, 'one');
  vi.advanceTimersByTime(20_000);
  for (const { peer } of proven.slice(1)) connections.proven(peer, 'one');
  vi.advanceTimersByTime(19_999);
  expect(dial('10.0.0.5').isOpen).toBe(false);
  vi.advanceTimersByTime(1);
  expect(dial('10.0.0.6').isOpen).toBe(true);
  vi.advanceTimersByTime(600_000);
  expect(proven.map(({ isOpen }) => isOpen)).toEqual([false, true, true, true]);
});

it('one whose stream is over counts as unproven from then on', () => {
  const over = new AbortController();
  const sockets = [1, 2, 3, 4].map((n) => begin(`10.0.0.${n}`));
  for (const { peer } of sockets) connections.keep(peer, 'one', over.signal);
  vi.advanceTimersByTime(600_000);
  over.abort();
  expect(dial('10.0.0.5').isOpen).toBe(false);
  vi.advanceTimersByTime(10_000);
  expect(dial('10.0.0.6').isOpen).toBe(true);
  expect(sockets.map(({ isOpen }) => isOpen)).toEqual([false, true, true, true]);
});

it('an owner keeps no more than its part: what it has beyond that gives way like what was never proven', () => {
  connect(2);
  const over = new AbortController();
  const flood = [1, 2, 3, 4].map(() => begin('10.0.0.9'));
  for (const { peer } of flood) connections.keep(peer, 'tenant', over.signal);
  const other = begin('10.0.0.1');
  connections.keep(other.peer, 'another', over.signal);
  expect([flood.map(({ isOpen }) => isOpen), other.isOpen]).toEqual([[true, true, true, false], true]);
  expect(begin('10.0.0.2').isOpen).toBe(false);
  vi.advanceTimersByTime(10_000);
  expect(begin('10.0.0.2').isOpen).toBe(true);
  expect(flood.map(({ isOpen }) => isOpen)).toEqual([true, true, false, false]);
  expect(dial('10.0.0.3').isOpen).toBe(false);
});

it('what an owner lets go makes room in its part', () => {
  connect(1);
  const [first, second] = [new AbortController(), new AbortController()];
  const sockets = [1, 2, 3, 4].map((n) => begin(`10.0.0.${n}`));
  connections.keep(sockets[0]?.peer ?? '', 'tenant', first.signal);
  first.abort();
  connections.keep(sockets[1]?.peer ?? '', 'tenant', second.signal);
  vi.advanceTimersByTime(20_000);
  for (let n = 5; n <= 7; n++) dial(`10.0.0.${n}`);
  expect(sockets.map(({ isOpen }) => isOpen)).toEqual([false, true, false, false]);
});

it('a stream that began when its owner had no room keeps its connection once there is some', async () => {
  connect(1);
  const [first, second] = [begin('10.0.0.1'), begin('10.0.0.2')];
  const over = new AbortController();
  for (const { peer } of [first, second]) connections.keep(peer, 'tenant', over.signal);
  first.destroy();
  await closed();
  connections.proven(second.peer, 'tenant');
  vi.advanceTimersByTime(45_000);
  for (let n = 1; n <= 5; n++) dial(`10.9.${n}.1`);
  expect(second.isOpen).toBe(true);
});

it('a connection that was closed leaves its part to the next one of its owner', async () => {
  connect(1);
  const first = dial('10.0.0.1');
  connections.proven(first.peer, 'owner');
  first.destroy();
  await closed();
  const others = [1, 2, 3].map(() => dial('10.0.0.1'));
  // The latest of the network with the most: it would give way, if it were not safe.
  const second = others[2];
  connections.proven(second?.peer ?? '', 'owner');
  dial('10.0.0.1');
  expect(dial('10.0.0.9').isOpen).toBe(true);
  dial('10.0.0.8');
  expect(second?.isOpen).toBe(true);
});

it('a connection that was closed while a stream kept it is not there any more, so there are never more than may be', async () => {
  const kept = dial('10.0.0.1');
  const over = new AbortController();
  connections.keep(kept.peer, 'owner', over.signal);
  kept.destroy();
  await closed();
  over.abort();
  for (let n = 0; n < 4; n += 1) dial(`10.0.1.${n}`);
  vi.advanceTimersByTime(20_000);
  dial('10.0.0.2');
  dial('10.0.0.3');
  expect(open().length).toBeLessThanOrEqual(4);
});
