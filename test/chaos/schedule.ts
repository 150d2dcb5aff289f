import type { NetworkCondition } from '../harness/tcp-relay.ts';

/** Something that goes wrong for a while, and then heals. */
export type Fault =
  /** Between one sidecar and the broker, or between all of them and it. */
  | { readonly kind: 'network'; readonly condition: NetworkCondition; readonly isEverybody: boolean }
  | { readonly kind: 'cut' }
  | { readonly kind: 'broker-killed' }
  | { readonly kind: 'broker-frozen' }
  | { readonly kind: 'sidecar-killed' }
  | { readonly kind: 'sidecar-frozen' };

export interface Round {
  readonly fault: Fault;
  /** Which sidecar, where it concerns one: 0 to 1, to be scaled. */
  readonly whom: number;
  readonly holdMs: number;
  /** How long after the fault's beginning an operator kills everything that may be killed; a negative one comes before it. */
  readonly strikeAfterMs: number;
}

const network = (condition: NetworkCondition, isEverybody = false): Fault => ({ kind: 'network', condition, isEverybody });

/** Everything that can go wrong, each once. */
const faults: readonly Fault[] = [
  network({ kind: 'stall', direction: 'both' }, true),
  network({ kind: 'half-open' }),
  { kind: 'broker-killed' },
  { kind: 'sidecar-frozen' },
  network({ kind: 'stall', direction: 'down' }),
  { kind: 'cut' },
  { kind: 'broker-frozen' },
  network({ kind: 'delay', ms: 300 }, true),
  { kind: 'sidecar-killed' },
  network({ kind: 'refuse' }, true),
  network({ kind: 'stall', direction: 'up' }),
  network({ kind: 'drip', bytes: 20, everyMs: 10 }),
];

/** An endless row of rounds: every fault once in an order of its own, then all of them again in another. */
export function* scheduleOf(random: () => number, maxStalenessMs: number): Generator<Round, never> {
  for (;;) {
    for (const fault of shuffled(faults, random)) {
      yield {
        fault,
        whom: random(),
        // Most outlast the bound, so that it is reached.
        holdMs: Math.round(maxStalenessMs * (0.4 + 1.6 * random())),
        strikeAfterMs: Math.round(maxStalenessMs * (0.6 * random() - 0.1)),
      };
    }
  }
}

function shuffled<T>(list: readonly T[], random: () => number): readonly T[] {
  return list
    .map((item) => ({ item, at: random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}
