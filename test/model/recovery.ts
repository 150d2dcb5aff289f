import type { World } from './world.ts';

/** Ends all trouble, whatever it was. */
export function heal(world: World): void {
  for (const link of world.links.flat()) {
    link.setDown(false);
    link.release();
  }
  for (const { link } of world.replicas) link.set('up');
  world.isDeaf = false;
  world.latencyMs = 5;
}

const stepMs = 50;

/** Waits, all trouble being over, until every sidecar is in step again; resolves with how long the slowest of them refused till then, ms. Throws after `limitMs`. */
export async function recover(world: World, limitMs: number): Promise<number> {
  heal(world);
  const machines = [...world.sidecars, ...world.replicas].map(({ machine }) => machine);
  while (machines.some(({ isStopped }) => isStopped)) await world.time.pass(stepMs);
  const since = world.time.now;
  while (!world.sidecars.every(({ isInStep }) => isInStep)) {
    if (world.time.now - since > limitMs) {
      const late = world.sidecars.filter(({ isInStep }) => !isInStep).map(({ machine }) => machine.name);
      throw new Error(`${limitMs} ms after all trouble was over ${late.join(' and ')} still refuse`);
    }
    await world.time.pass(stepMs);
    world.check();
  }
  return world.time.now - since;
}
