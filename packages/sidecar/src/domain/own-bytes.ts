/**
 * Bytes of a text that may be secret (latin1), in memory of their own. `Buffer.from` would put them into a slab of Node's pool, which lives on with
 * whatever else is in it, and holds them for whoever reads this process's memory.
 */
export function ownBytes(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(text.length);
  bytes.write(text, 'latin1');
  return bytes;
}
