import { statfsSync } from 'node:fs';

/** What is left on the disk of the database. */
export interface DiskRoom {
  /** As it was a second ago at most; undefined when the system does not say. */
  freeBytes(): number | undefined;
  /** Whether those who lend may write: below the least, what is left is kept for those who revoke. */
  isEnough(): boolean;
}

export interface DiskRoomOptions {
  readonly dir: string;
  readonly leastBytes: number;
  /** Free bytes for whoever is not root. Throws when the system can't tell. */
  readonly look?: (dir: string) => number;
  /** Any clock that goes on steadily, ms. */
  readonly elapsedMs?: () => number;
}

const lookEveryMs = 1_000;

export function createDiskRoom({ dir, leastBytes, look = availableBytes, elapsedMs = () => performance.now() }: DiskRoomOptions): DiskRoom {
  let seenAt = Number.NEGATIVE_INFINITY;
  let free: number | undefined;

  function freeBytes(): number | undefined {
    const now = elapsedMs();
    if (now - seenAt < lookEveryMs) return free;
    seenAt = now;
    try {
      free = look(dir);
    } catch {
      // The database says so itself when it is full.
      free = undefined;
    }
    return free;
  }

  return { freeBytes, isEnough: () => (freeBytes() ?? Number.POSITIVE_INFINITY) >= leastBytes };
}

function availableBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize;
}
