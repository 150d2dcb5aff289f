/** The head of a WebSocket frame (RFC 6455 section 5.2), as a server may send it when no extension was agreed on. */
export interface FrameHead {
  readonly isFinal: boolean;
  readonly opcode: number;
  readonly payloadLength: number;
  /** Of the head itself. */
  readonly length: number;
}

export const continuation = 0x0;
const text = 0x1;
const binary = 0x2;
const close = 0x8;
const pong = 0xa;

const finalBit = 0x80;
const reservedBits = 0x70;
const maskBit = 0x80;
/** Of a frame that speaks of the connection: close, ping, pong (section 5.5). */
const maxControlLength = 125;

/** Undefined when the head is not there whole; `invalid` for what no client may accept. */
export function readFrameHead(bytes: Buffer): FrameHead | 'invalid' | undefined {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return undefined;
  const opcode = first & 0x0f;
  const isFinal = (first & finalBit) !== 0;
  const isKnown = opcode <= binary || (opcode >= close && opcode <= pong);
  // A mask belongs to clients alone (section 5.1), and reserved bits to extensions, of which there are none.
  if ((first & reservedBits) !== 0 || (second & maskBit) !== 0 || !isKnown) return 'invalid';
  if (isControl(opcode)) return isFinal && second <= maxControlLength ? { isFinal, opcode, payloadLength: second, length: 2 } : 'invalid';
  if (second < 126) return { isFinal, opcode, payloadLength: second, length: 2 };
  if (second === 126) return bytes.length < 4 ? undefined : { isFinal, opcode, payloadLength: bytes.readUInt16BE(2), length: 4 };
  if (bytes.length < 10) return undefined;
  const payloadLength = bytes.readUInt32BE(2) * 2 ** 32 + bytes.readUInt32BE(6);
  return Number.isSafeInteger(payloadLength) ? { isFinal, opcode, payloadLength, length: 10 } : 'invalid';
}

export function writeFrameHead(isFinal: boolean, opcode: number, payloadLength: number): Buffer {
  const first = (isFinal ? finalBit : 0) | opcode;
  if (payloadLength < 126) return Buffer.from([first, payloadLength]);
  if (payloadLength <= 0xffff) return Buffer.from([first, 126, payloadLength >> 8, payloadLength & 0xff]);
  const head = Buffer.alloc(10);
  head[0] = first;
  head[1] = 127;
  head.writeUInt32BE(Math.floor(payloadLength / 2 ** 32), 2);
  head.writeUInt32BE(payloadLength % 2 ** 32, 6);
  return head;
}

export function isControl(opcode: number): boolean {
  return opcode >= close;
}

/** Whether a frame with this opcode begins a message. */
export function isBeginning(opcode: number): boolean {
  return opcode === text || opcode === binary;
}
