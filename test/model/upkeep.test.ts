import { afterEach, beforeEach, expect, test } from 'vitest';
import { createWorld, makeBegin, type World } from './world.ts';

/** What the promise alone does not ask for: that a lease which nothing revoked goes on. The product's own parts on both sides, as in `promise.test.ts`. */
let world: World;

beforeEach(async () => {
  world = await createWorld(await makeBegin(), 1);
});
afterEach(() => world.end());

test('a stream outlives the first time of its lease, though something else of its tenant was revoked', async () => {
  const [sidecar] = world.sidecars;
  const [api] = world.begin.credentialIds;
  if (sidecar === undefined || api === undefined) throw new Error('nobody is there');
  const chunks = 40;
  await sidecar.request({ credentialId: api, queuedMs: 0, chunks });
  await world.time.pass(1_000);
  await world.admin.setCredentialStatus(world.root, 'one', 'more', 'suspended');
  await world.time.pass(30_000);
  world.check();
  expect([world.oracle.counts.streamed, world.usage]).toEqual([chunks, { refused: 0, cut: 0 }]);
});
