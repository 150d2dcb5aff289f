import { seededRandom } from '../harness/seeded-random.ts';

/** Choices that a seed makes. */
export interface Chance {
  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number;
  /** True in this share of cases. */
  in(share: number): boolean;
  pick<T>(list: readonly [T, ...T[]]): T;
}

export function createChance(seed: number): Chance {
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  return {
    below,
    in: (share) => random() < share,
    pick: (list) => list[below(list.length)] ?? list[0],
  };
}

const splinters = ['\r\n', '\0', '\n', ' ', ':', '\r', '\r\n\r\n', 'x'.repeat(5_000), 'Transfer-Encoding: chunked\r\n'] as const;

/** In this share of cases: bytes with a few of them changed, lost, doubled, or with others between. */
export function mangle(bytes: Buffer, chance: Chance, share: number): Buffer {
  if (!chance.in(share)) return bytes;
  let mangled = Buffer.from(bytes);
  for (let left = 1 + chance.below(3); left > 0; left -= 1) mangled = mangleOnce(mangled, chance);
  return mangled;
}

function mangleOnce(bytes: Buffer, chance: Chance): Buffer<ArrayBuffer> {
  const at = chance.below(bytes.length + 1);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (chance.below(5)) {
    case 0:
      return Buffer.concat([before, Buffer.of(chance.below(256)), after.subarray(1)]);
    case 1:
      return Buffer.concat([before, after.subarray(1 + chance.below(8))]);
    case 2:
      return Buffer.concat([before, Buffer.from(chance.pick(splinters)), after]);
    case 3:
      return Buffer.concat([before, before.subarray(-chance.below(40) - 1), after]);
    default:
      return Buffer.from(before);
  }
}

interface Line {
  write(bytes: Buffer): unknown;
  destroy(): unknown;
  readonly destroyed: boolean;
}

/** Sends bytes whole or in two parts, the second a moment later or never. */
export async function drip(line: Line, bytes: Buffer, chance: Chance): Promise<void> {
  const at = chance.in(0.6) ? bytes.length : chance.below(bytes.length);
  if (!line.destroyed) line.write(bytes.subarray(0, at));
  if (at === bytes.length) return;
  await pause(chance.below(15));
  if (line.destroyed) return;
  if (chance.in(0.1)) line.destroy();
  else line.write(bytes.subarray(at));
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
