import fc from 'fast-check';
import { ask, type Command, command, either, ms, operation, request, type Weighted } from './command.ts';
import { type Way, ways } from './link.ts';
import { giveBack, operate } from './operations.ts';
import { plots } from './plots.ts';
import { heal } from './recovery.ts';
import { at, type World } from './world.ts';

const linkOf = ({ links }: World, sidecar: number, replica: number) => at(at(links, sidecar), replica);

const time: readonly Weighted[] = [
  [20, ms(1_500).map((n) => command(`wait ${n}`, ({ time: of }) => of.pass(n)))],
  [3, ms(6_000).map((n) => command(`wait ${n}`, ({ time: of }) => of.pass(n)))],
];
const work: readonly Weighted[] = [
  [24, request.map((each) => command(`request ${JSON.stringify(each)}`, (world) => ask(world, each)))],
  [6, operation.map((each) => command(`${each.operation} ${each.who} ${each.what}`, (world) => operate(world, each)))],
  [6, fc.constant(command('give everything back', giveBack))],
];
const network: readonly Weighted[] = [
  [
    4,
    fc
      .record({ sidecar: either, replica: either, way: fc.constantFrom<Way>(...ways) })
      .map(({ sidecar, replica, way }) =>
        command(`hold ${way} of ${sidecar}/${replica}`, (world) => linkOf(world, sidecar, replica).hold(way)),
      ),
  ],
  [
    3,
    fc
      .record({ sidecar: either, replica: either, n: fc.integer({ min: 1, max: 4 }) })
      .map(({ sidecar, replica, n }) => command(`drip ${n} of ${sidecar}/${replica}`, (world) => linkOf(world, sidecar, replica).drip(n))),
  ],
  [
    2,
    fc
      .record({ sidecar: either, replica: either })
      .map(({ sidecar, replica }) => command(`release ${sidecar}/${replica}`, (world) => linkOf(world, sidecar, replica).release())),
  ],
  [
    2,
    fc
      .record({ sidecar: either, replica: either, told: fc.record({ sidecar: fc.boolean(), replica: fc.boolean() }) })
      .map(({ sidecar, replica, told }) =>
        command(`cut ${sidecar}/${replica}, told ${JSON.stringify(told)}`, (world) => linkOf(world, sidecar, replica).cut(told)),
      ),
  ],
  [
    1,
    fc
      .record({ sidecar: either, replica: either, isDown: fc.boolean() })
      .map(({ sidecar, replica, isDown }) =>
        command(`${isDown ? 'partition' : 'join'} ${sidecar}/${replica}`, (world) => linkOf(world, sidecar, replica).setDown(isDown)),
      ),
  ],
  [1, fc.nat({ max: 900 }).map((n) => command(`latency up to ${n}`, (world) => Object.assign(world, { latencyMs: n })))],
  [1, fc.boolean().map((isDeaf) => command(`wake-ups ${isDeaf ? 'lost' : 'heard'}`, (world) => Object.assign(world, { isDeaf })))],
  [3, fc.constant(command('heal', heal))],
];
const faults: readonly Weighted[] = [
  [
    2,
    fc
      .record({ replica: either, state: fc.constantFrom('down', 'silent', 'up', 'answers held') })
      .map(({ replica, state }) =>
        command(`database of ${replica} ${state}`, ({ replicas }) =>
          state === 'answers held' ? at(replicas, replica).link.holdAnswers() : at(replicas, replica).link.set(state),
        ),
      ),
  ],
  [
    1,
    fc
      .record({ replica: either, isGraceful: fc.boolean() })
      .map(({ replica, isGraceful }) =>
        command(`${isGraceful ? 'restart' : 'kill'} replica ${replica}`, (world) => world.restartReplica(replica, isGraceful)),
      ),
  ],
  [1, either.map((sidecar) => command(`restart sidecar ${sidecar}`, (world) => world.restartSidecar(sidecar)))],
  [1, fc.constant(command('backup', ({ database }) => database.backup()))],
  [1, fc.constant(command('restore', ({ database }) => database.restore()))],
];
const stops = fc.record({ who: either, forMs: fc.oneof(ms(2_000), ms(8_000)), isLateFirst: fc.boolean() });
const clocks: readonly Weighted[] = [
  [
    1,
    stops.map(({ who, forMs, isLateFirst }) =>
      command(
        `sidecar ${who} sleeps ${forMs}, ${isLateFirst ? 'timers' : 'messages'} first`,
        ({ sidecars }) => at(sidecars, who).machine.stop({ ms: forMs, isAsleep: true, isLateFirst }),
        ({ sleeps }) => sleeps,
      ),
    ),
  ],
  [
    2,
    stops.map(({ who, forMs, isLateFirst }) =>
      command(`sidecar ${who} stopped ${forMs}, ${isLateFirst ? 'timers' : 'messages'} first`, ({ sidecars }) =>
        at(sidecars, who).machine.stop({ ms: forMs, isAsleep: false, isLateFirst }),
      ),
    ),
  ],
  [
    1,
    stops.map(({ who, forMs, isLateFirst }) =>
      command(`replica ${who} stopped ${forMs}`, ({ replicas }) =>
        at(replicas, who).machine.stop({ ms: forMs, isAsleep: false, isLateFirst }),
      ),
    ),
  ],
  [
    1,
    fc.record({ who: either, n: fc.integer({ min: -60_000, max: 60_000 }) }).map(({ who, n }) =>
      command(
        `wall clock of ${who} stepped by ${n}`,
        ({ sidecars }) => at(sidecars, who).machine.stepWall(n),
        ({ sleeps }) => !sleeps,
      ),
    ),
  ],
  [
    1,
    fc.integer({ min: -60_000, max: 60_000 }).map((n) => command(`database clock stepped by ${n}`, ({ database }) => database.stepWall(n))),
  ],
];

export const plan: fc.Arbitrary<{ readonly sleeps: boolean; readonly seed: number }> = fc.record({ sleeps: fc.boolean(), seed: fc.nat() });

export const commands = (maxCommands: number): fc.Arbitrary<Iterable<Command>> =>
  fc.commands([fc.oneof(...[time, work, plots, network, faults, clocks].flat().map(([weight, arbitrary]) => ({ weight, arbitrary })))], {
    maxCommands,
    size: 'max',
  });
