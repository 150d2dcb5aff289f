import fc from 'fast-check';
import { type Operation, operationNames } from './operations.ts';
import { at, type World } from './world.ts';

/** Whether machines sleep in this run; else their wall clocks are stepped. Asleep and stepped back at once, no clock tells the time that passed. */
export interface Plan {
  readonly sleeps: boolean;
}

export type Command = fc.AsyncCommand<Plan, World>;
export type Weighted = readonly [weight: number, arbitrary: fc.Arbitrary<Command>];

/** Something that happens to the world; afterwards the promises are looked at. */
export function command(name: string, run: (world: World) => unknown, isPossible: (plan: Plan) => boolean = () => true): Command {
  return {
    check: isPossible,
    async run(_, world) {
      await run(world);
      await world.time.pass(0);
      world.check();
    },
    toString: () => name,
  };
}

export const either: fc.Arbitrary<number> = fc.nat({ max: 1 });
export const ms = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });

export const operation: fc.Arbitrary<Operation> = fc.record({ operation: fc.constantFrom(...operationNames), who: either, what: either });

/** Sidecar `who` is asked to call with credential `what`. */
export interface Request {
  readonly who: number;
  readonly what: number;
  readonly queuedMs: number;
  readonly chunks: number;
}

export const request: fc.Arbitrary<Request> = fc.record({
  who: either,
  what: either,
  queuedMs: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: ms(4_000) }),
  chunks: fc.nat({ max: 20 }),
});

export function ask({ sidecars, begin }: Pick<World, 'sidecars' | 'begin'>, { who, what, queuedMs, chunks }: Request): Promise<void> {
  return at(sidecars, who).request({ credentialId: at(begin.credentialIds, what), queuedMs, chunks });
}
