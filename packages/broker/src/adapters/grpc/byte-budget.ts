/** Bytes that lie in memory for somebody else to send the rest of, or to read: each owner has a part, so that none can take all. */
export interface ByteBudget {
  /** False when there is no room for these: nothing was taken. */
  take(owner: string, bytes: number): boolean;
  give(owner: string, bytes: number): void;
}

/** An owner has at most half, and where all of it is taken there still is room for one that has less than its part. */
export function createByteBudget(maxBytes: number): ByteBudget {
  const held = new Map<string, number>();
  let total = 0;

  const set = (owner: string, before: number, after: number) => {
    total += after - before;
    if (after === 0) held.delete(owner);
    else held.set(owner, after);
  };

  return {
    take(owner, bytes) {
      const before = held.get(owner) ?? 0;
      const after = before + bytes;
      const parts = held.size + (before === 0 ? 1 : 0);
      if (after > maxBytes / 2 || (total + bytes > maxBytes && after > maxBytes / parts)) return false;
      set(owner, before, after);
      return true;
    },
    give(owner, bytes) {
      const before = held.get(owner) ?? 0;
      set(owner, before, Math.max(0, before - bytes));
    },
  };
}
