/**
 * Finds any of several byte patterns in one pass. The method is Wu and Manber's (TR 94-17, "A fast algorithm for multi-pattern searching"):
 * two bytes at the end of a window as long as the shortest pattern say how far the window may move, mostly by its whole length. What a chunk
 * costs hangs on its length and on the shortest pattern, hardly on the number of patterns.
 */
export interface PatternSearch {
  /** Length of the shortest pattern: nothing shorter can hold one. */
  readonly shortest: number;
  /** Where the next pattern begins at or after `from`; -1 when there is none. */
  next(bytes: Uint8Array, from: number): number;
  /** Length of the longest pattern at `at`, 0 when there is none. */
  lengthAt(bytes: Uint8Array, at: number): number;
  /** Where the longest end that is a proper beginning of a pattern begins; the length of `bytes` when there is none. */
  danglingAt(bytes: Uint8Array): number;
}

const tableSize = 4_096;

export function createPatternSearch(patterns: readonly Uint8Array[]): PatternSearch {
  const known = patterns.filter((pattern) => pattern.length >= 2);
  const shortest = known.reduce((least, { length }) => Math.min(least, length), known[0]?.length ?? Number.MAX_SAFE_INTEGER);
  const longest = known.reduce((most, { length }) => Math.max(most, length), 0);
  const shifts = shiftTable(known, shortest);
  const beginnings = new Uint8Array(256);
  const alphabet = new Uint8Array(256);
  for (const pattern of known) {
    beginnings[pattern[0] ?? 0] = 1;
    for (const byte of pattern) alphabet[byte] = 1;
  }

  function lengthAt(bytes: Uint8Array, at: number): number {
    let length = 0;
    for (const pattern of known) {
      if (pattern.length > length && at + pattern.length <= bytes.length && beginsAlike(pattern, bytes, at)) length = pattern.length;
    }
    return length;
  }

  return {
    shortest,
    lengthAt,
    next(bytes, from) {
      for (let end = from + shortest - 1; end < bytes.length; ) {
        const shift = shifts[blockOf(bytes, end)] ?? 0;
        if (shift > 0) end += shift;
        else if (lengthAt(bytes, end - shortest + 1) > 0) return end - shortest + 1;
        else end += 1;
      }
      return -1;
    },
    danglingAt(bytes) {
      const earliest = Math.max(0, bytes.length - longest + 1);
      // Most chunks end with a byte that stands in no pattern, such as a line end or a brace, and are done here.
      let at = bytes.length;
      while (at > earliest && alphabet[bytes[at - 1] ?? 0] === 1) at -= 1;
      for (; at < bytes.length; at += 1) {
        if (
          beginnings[bytes[at] ?? 0] === 1 &&
          known.some((pattern) => at + pattern.length > bytes.length && beginsAlike(pattern, bytes, at))
        )
          return at;
      }
      return bytes.length;
    },
  };
}

/** For each block of two bytes: how far the window may move on when it ends with that block. */
function shiftTable(patterns: readonly Uint8Array[], shortest: number): Uint8Array {
  const shifts = new Uint8Array(tableSize).fill(Math.min(shortest - 1, 255));
  for (const pattern of patterns) {
    for (let end = 1; end < shortest; end += 1) {
      const block = blockOf(pattern, end);
      shifts[block] = Math.min(shifts[block] ?? 0, shortest - 1 - end);
    }
  }
  return shifts;
}

function blockOf(bytes: Uint8Array, end: number): number {
  return (((bytes[end - 1] ?? 0) << 4) ^ (bytes[end] ?? 0)) & (tableSize - 1);
}

/** Whether `bytes` from `at` on and the pattern are alike as far as both go. */
function beginsAlike(pattern: Uint8Array, bytes: Uint8Array, at: number): boolean {
  const length = Math.min(pattern.length, bytes.length - at);
  for (let index = 0; index < length; index += 1) if (pattern[index] !== bytes[at + index]) return false;
  return true;
}
