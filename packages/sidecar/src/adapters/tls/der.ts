/**
 * The part of DER (ITU-T X.690) that a certificate needs. Written by hand because a library takes thirty times as long for each certificate, and one is
 * made for every host that an agent talks to.
 */
export const der = {
  sequence: (...items: readonly Buffer[]): Buffer => tagged(0x30, ...items),
  set: (...items: readonly Buffer[]): Buffer => tagged(0x31, ...items),
  /** Of an unsigned big-endian number. */
  integer: (magnitude: Buffer): Buffer => tagged(0x02, unsigned(magnitude)),
  boolean: (value: boolean): Buffer => tagged(0x01, Buffer.of(value ? 0xff : 0x00)),
  bitString: (bytes: Buffer, unusedBits = 0): Buffer => tagged(0x03, Buffer.of(unusedBits), bytes),
  octetString: (bytes: Buffer): Buffer => tagged(0x04, bytes),
  utf8: (text: string): Buffer => tagged(0x0c, Buffer.from(text)),
  oid: (dotted: string): Buffer => tagged(0x06, objectIdentifier(dotted)),
  time: (wallMs: number): Buffer => time(wallMs),
  /** A context-specific tag that wraps. */
  explicit: (tag: number, item: Buffer): Buffer => tagged(0xa0 | tag, item),
  /** A context-specific tag in place of a primitive's own. */
  implicit: (tag: number, content: Buffer): Buffer => tagged(0x80 | tag, content),
} as const;

function tagged(tag: number, ...content: readonly Buffer[]): Buffer {
  const length = content.reduce((sum, each) => sum + each.length, 0);
  return Buffer.concat([Buffer.of(tag, ...lengthOf(length)), ...content]);
}

function lengthOf(length: number): readonly number[] {
  if (length < 0x80) return [length];
  if (length < 0x100) return [0x81, length];
  return [0x82, length >> 8, length & 0xff];
}

/** Without leading zeros, save the one that keeps a number from being read as negative. */
function unsigned(magnitude: Buffer): Buffer {
  const start = magnitude.findIndex((byte) => byte !== 0);
  const digits = start === -1 ? Buffer.of(0) : magnitude.subarray(start);
  return (digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits;
}

function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return Buffer.from([first * 40 + second, ...rest].flatMap(base128));
}

function base128(value: number): readonly number[] {
  const bytes = [value & 0x7f];
  for (let left = value >> 7; left > 0; left >>= 7) bytes.unshift(0x80 | (left & 0x7f));
  return bytes;
}

/** UTCTime until 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5). */
function time(wallMs: number): Buffer {
  const digits = `${new Date(wallMs).toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
  return digits < '2050' ? tagged(0x17, Buffer.from(digits.slice(2))) : tagged(0x18, Buffer.from(digits));
}
