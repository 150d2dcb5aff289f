/** What the first bytes of a connection say, read as TLS (RFC 8446 sections 4.1.2 and 5.1, RFC 6066 section 3). */
export type ClientHello =
  /** More bytes are needed. */
  | { readonly kind: 'partial' }
  /** The name that TLS is to be made for, as the client wrote it; undefined when it names none. */
  | { readonly kind: 'hello'; readonly serverName: string | undefined }
  | { readonly kind: 'invalid' };

const partial: ClientHello = { kind: 'partial' };
const invalid: ClientHello = { kind: 'invalid' };

const handshakeRecord = 0x16;
const clientHello = 1;
const serverNameExtension = 0;
const hostName = 0;
const maxRecordBytes = 16_384;

/** Nothing is decided here but where to look: OpenSSL parses the same bytes again, and the handshake fails when they make no sense. */
export function readClientHello(bytes: Uint8Array): ClientHello {
  const message = joinRecords(bytes);
  if (message === undefined) return invalid;
  if (message.length < 4) return partial;
  const reader = createReader(message);
  if (reader.uint(1) !== clientHello) return invalid;
  const length = reader.uint(3);
  if (message.length < 4 + length) return partial;
  try {
    return { kind: 'hello', serverName: readServerName(createReader(message.subarray(4, 4 + length))) };
  } catch {
    return invalid;
  }
}

/** The handshake message that the records carry, as far as it is there: a client may cut it anywhere. */
function joinRecords(bytes: Uint8Array): Uint8Array | undefined {
  const parts: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] !== handshakeRecord || (at + 1 < bytes.length && bytes[at + 1] !== 3)) return undefined;
    if (at + 5 > bytes.length) break;
    const length = (bytes[at + 3] ?? 0) * 256 + (bytes[at + 4] ?? 0);
    if (length === 0 || length > maxRecordBytes) return undefined;
    parts.push(...bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return Uint8Array.from(parts);
}

function readServerName(hello: Reader): string | undefined {
  // Version and random; session id, cipher suites and compression methods with their lengths.
  hello.skip(34);
  hello.skip(hello.uint(1));
  hello.skip(hello.uint(2));
  hello.skip(hello.uint(1));
  if (hello.left() === 0) return undefined;
  const extensions = createReader(hello.take(hello.uint(2)));
  while (extensions.left() > 0) {
    const type = extensions.uint(2);
    const content = createReader(extensions.take(extensions.uint(2)));
    if (type !== serverNameExtension) continue;
    const names = createReader(content.take(content.uint(2)));
    if (names.uint(1) !== hostName) return undefined;
    return String.fromCharCode(...names.take(names.uint(2)));
  }
  return undefined;
}

interface Reader {
  left(): number;
  uint(size: number): number;
  skip(size: number): void;
  take(size: number): Uint8Array;
}

/** Throws RangeError past the end. */
function createReader(bytes: Uint8Array): Reader {
  let at = 0;
  const take = (size: number) => {
    if (at + size > bytes.length) throw new RangeError('past the end');
    at += size;
    return bytes.subarray(at - size, at);
  };
  return {
    take,
    left: () => bytes.length - at,
    skip: (size) => {
      take(size);
    },
    uint: (size) => take(size).reduce((value, byte) => value * 256 + byte, 0),
  };
}
