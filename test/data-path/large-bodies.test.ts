import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { ClientHttp2Stream } from 'node:http2';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { startH2Rig } from './h2-rig.ts';
import { routeTo, startDataPath } from './rig.ts';

// Agent, sidecar and vendor are one process here, so what grows is the sum of all three.

const megabyte = 1_048_576;
/** More bytes than 31 bits can count. */
const size = 2_304 * megabyte;
const piece = Buffer.alloc(65_536, 'leasehold ');
const stops: (() => unknown)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

/** A body without end in sight, made as it is read. */
function* pieces() {
  for (let sent = 0; sent < size; sent += piece.length) yield piece;
}

/** Counts what arrives, and looks at the memory meanwhile. */
class Meter extends Writable {
  bytes = 0;
  /** Of the first half, and of the second. */
  readonly peaks: [number, number] = [0, 0];

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.bytes += chunk.length;
    const half = this.bytes <= size / 2 ? 0 : 1;
    if (this.bytes % megabyte < chunk.length) this.peaks[half] = Math.max(this.peaks[half], process.memoryUsage.rss());
    done();
  }
}

async function measured(run: (meter: Meter) => Promise<unknown>): Promise<void> {
  const meter = new Meter();
  await run(meter);
  expect(meter.bytes).toBe(size);
  // Whoever kept the body would need half of it more for the second half.
  expect(meter.peaks[1] / meter.peaks[0]).toBeLessThan(1.2);
}

describe('gigabytes pass with flat memory', () => {
  async function startPlain(vendor: (incoming: IncomingMessage) => Readable | undefined) {
    const server = createServer((incoming, response) => {
      const body = vendor(incoming);
      if (body === undefined) incoming.on('close', () => response.end());
      else body.pipe(response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const path = await startDataPath();
    path.route(routeTo(`http://localhost:${address.port}`));
    stops.push(() => server.close(), path.close);
    return { host: '127.0.0.1', port: path.port, path: '/api/x' };
  }

  test('down, by HTTP/1.1', async () => {
    const target = await startPlain(() => Readable.from(pieces()));
    await measured(async (meter) => {
      const outgoing = request(target).end();
      const [answer] = await once(outgoing, 'response');
      await pipeline(answer, meter);
    });
  }, 180_000);

  test('up, by HTTP/1.1', async () => {
    await measured(async (meter) => {
      const target = await startPlain((incoming) => {
        incoming.pipe(meter);
        return undefined;
      });
      const outgoing = request({ ...target, method: 'POST' });
      const answered = once(outgoing, 'response');
      await pipeline(Readable.from(pieces()), outgoing);
      await answered;
    });
  }, 180_000);

  test('down, by HTTP/2', async () => {
    const rig = await startH2Rig({
      onStream: (stream) => {
        stream.respond({ ':status': 200 });
        Readable.from(pieces()).pipe(stream);
      },
    });
    stops.push(rig.close);
    const session = await rig.connect();
    await measured((meter) => pipeline(session.request({ ':path': '/x' }), meter));
    session.destroy();
  }, 180_000);

  test('up, by HTTP/2', async () => {
    await measured(async (meter) => {
      const rig = await startH2Rig({
        onStream: (stream) => {
          stream.pipe(meter);
          stream.on('end', () => stream.respond({ ':status': 200 }, { endStream: true }));
        },
      });
      stops.push(rig.close);
      const session = await rig.connect();
      const stream: ClientHttp2Stream = session.request({ ':path': '/x', ':method': 'POST' });
      Readable.from(pieces()).pipe(stream);
      await once(stream, 'response');
      session.destroy();
    });
  }, 180_000);
});
