import { once } from 'node:events';
import { createServer, Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createH2Connection, type H2Connection } from './h2-connection.ts';

const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
/** `:status: 200` on stream 1, and more to come. */
const beginning = Buffer.from([0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88]);
const head = [':method', 'GET', ':scheme', 'https', ':authority', 'x', ':path', '/'];

const vendor = createServer((socket) => {
  socket.resume().write(settings);
});
let port = 0;

beforeEach(async () => {
  vendor.listen(0, '127.0.0.1');
  await once(vendor, 'listening');
  const address = vendor.address();
  port = address !== null && typeof address !== 'string' ? address.port : 0;
});

afterEach(async () => {
  vendor.close();
  await once(vendor, 'close');
});

/** As TLS is, which has a word to say at its end. */
class SlowToEnd extends Socket {
  override end(...args: readonly unknown[]): this {
    const done = args.find((each) => typeof each === 'function');
    setTimeout(() => super.end(() => done?.()), 100);
    return this;
  }
}

test('a vendor that ends its half does not end the process when a stream is cut before ours is ended, too', async () => {
  const accepted = once(vendor, 'connection');
  const socket = new SlowToEnd({ allowHalfOpen: true }).connect(port, '127.0.0.1');
  const [vendorSocket] = await accepted;
  const ready = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const connection: H2Connection = createH2Connection(
    socket,
    'https://x',
    { maxStreams: 1, idleConnectionMs: 10_000, timeoutMs: 10_000 },
    { ready: ready.resolve, freed: () => undefined, gone: gone.resolve },
  );
  await ready.promise;
  const cut = new AbortController();
  const left = Promise.withResolvers<void>();
  const gate = { refusal: () => undefined, left: left.resolve, stopped: () => undefined };
  const stream = connection.open(head, true, gate, cut.signal).on('error', () => undefined);
  const closed = new Promise<void>((resolve) => stream.once('close', resolve));
  await left.promise;
  vendorSocket.end(beginning);
  await once(socket, 'end');
  for (let turns = 0; turns < 3; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  cut.abort();
  await closed;
  await gone.promise;
  expect(connection.freeStreams).toBe(0);
});
