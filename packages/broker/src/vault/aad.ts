/** Additional authenticated data: each part with its length before it, so that no two lists of parts have one encoding. */
export function encodeAad(...parts: readonly string[]): Uint8Array {
  const chunks = parts.flatMap((part) => {
    const bytes = Buffer.from(part, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat(chunks);
}
