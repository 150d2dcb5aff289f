import type { Duplex } from 'node:stream';
import type { H2Rig } from './h2-rig.ts';

// HTTP/2 frame by frame (RFC 9113 section 4.1), for what no client would send.

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** A header block of a GET, with `more` behind the pseudo-headers. */
export function headOf(authority: string, more: readonly (readonly [string, string])[]): Buffer {
  const fields: readonly (readonly [string, string])[] = [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', authority],
    [':path', '/x'],
    ...more,
  ];
  return Buffer.concat(fields.map(([name, value]) => field(name, value)));
}

/** Literal, without a table (RFC 7541 section 6.2.2). */
function field(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
}

/** A connection through a tunnel on which HTTP/2 has begun. */
export async function openByHand(rig: H2Rig): Promise<Duplex> {
  const socket = await rig.connectRaw();
  socket.on('error', () => undefined);
  socket.write(Buffer.concat([Buffer.from(preface), frame(4, 0, 0, Buffer.alloc(0))]));
  return socket;
}

/** Types of the frames that came for a stream, until the connection or the stream ends. */
export async function framesFor(socket: Duplex, streamId: number): Promise<readonly number[]> {
  let bytes = Buffer.alloc(0);
  const types: number[] = [];
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const [type = 0, flags = 0] = bytes.subarray(3, 5);
      if (bytes.readUInt32BE(5) === streamId) types.push(type);
      const isEnd = bytes.readUInt32BE(5) === streamId && (type === 3 || (type <= 1 && (flags & 1) !== 0));
      bytes = bytes.subarray(9 + bytes.readUIntBE(0, 3));
      if (isEnd || type === 7) return types;
    }
  }
  return types;
}
