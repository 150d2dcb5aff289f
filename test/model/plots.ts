import fc from 'fast-check';
import { ask, command, either, ms, operation, type Request, request, type Weighted } from './command.ts';
import type { Way } from './link.ts';
import { giveBack, operate } from './operations.ts';
import { at, type World } from './world.ts';

/** What an adversary would try, each in the order that hurts most and with times of its own: by chance alone they would come too rarely. */

const hold = ({ links }: World, sidecar: number, way: Way): void => {
  for (const link of at(links, sidecar)) link.hold(way);
};
const release = ({ links }: World, sidecar: number): void => {
  for (const link of at(links, sidecar)) link.release();
};
/** A short request for the same. */
const again = (each: Request): Request => ({ ...each, queuedMs: 0, chunks: 1 });

const waits = fc.record({ before: ms(1_500), after: ms(2_900), last: ms(2_900) });
const plot = fc.record({ request, operation, waits, drips: fc.integer({ min: 1, max: 3 }), replica: either });

export const plots: readonly Weighted[] = [
  [
    3,
    plot.map(({ request: each, operation: what, waits: { before, after } }) =>
      command(`an answer to ${JSON.stringify(each)} is held for ${before}+${after} ms while ${what.operation} happens`, async (world) => {
        await giveBack(world);
        hold(world, each.who, 'answers');
        await ask(world, each);
        await world.time.pass(before);
        await operate(world, { ...what, who: each.who, what: each.what });
        await world.time.pass(after);
        release(world, each.who);
      }),
    ),
  ],
  [
    3,
    plot.map(({ request: each, operation: what, waits: { before, after, last }, drips }) =>
      command(`pongs to ${each.who} drip (${before}, ${after}, ${last} ms) while ${what.operation} happens behind them`, async (world) => {
        await giveBack(world);
        await ask(world, each);
        hold(world, each.who, 'down');
        await world.time.pass(before);
        await operate(world, { ...what, who: each.who, what: each.what });
        await world.time.pass(after);
        for (const link of at(world.links, each.who)) link.drip(drips);
        await world.time.pass(last);
        await ask(world, again(each));
      }),
    ),
  ],
  [
    3,
    plot.map(({ request: each, operation: what, waits: { before, after, last }, drips }) =>
      command(`the databases answer late (${before}, ${after}, ${last} ms) while ${what.operation} happens`, async (world) => {
        await giveBack(world);
        await ask(world, each);
        for (const { link } of world.replicas) link.holdAnswers();
        await world.time.pass(before);
        await operate(world, { ...what, who: each.who, what: each.what });
        await world.time.pass(after);
        for (const { link } of world.replicas) link.set('up');
        // Long enough for this answer, too short for the next.
        await world.time.pass(drips * 3);
        for (const { link } of world.replicas) link.set('silent');
        await world.time.pass(last);
        await ask(world, again(each));
      }),
    ),
  ],
];
