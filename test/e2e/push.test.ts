import { afterEach, beforeEach, expect, test } from 'vitest';
import { backstopPollMs } from '../../packages/broker/src/app/watch-revocations.ts';
import { type BrokerAndSidecar, type Revoking, startBrokerAndSidecar } from '../harness/broker-and-sidecar.ts';

const maxStalenessMs = 60_000;
/** How often a sidecar asks. */
const askedEveryMs = maxStalenessMs / 3;

let pair: BrokerAndSidecar;

beforeEach(async () => {
  pair = await startBrokerAndSidecar(['--max-staleness', `${maxStalenessMs / 1_000}s`]);
});

afterEach(() => pair?.close());

/** What revokes, and what gives it back. */
const revoking: readonly (readonly [string, () => Promise<Revoking | undefined>, () => Promise<unknown>])[] = [
  [
    'a suspended credential',
    () => pair.admin.changeCredential('one', 'api', 'suspend'),
    () => pair.admin.changeCredential('one', 'api', 'resume'),
  ],
  ['the kill switch of everything', async () => (await pair.admin.killAll()).items[0], () => pair.admin.changeTenant('one', 'resume')],
];

test.each(revoking)(
  'INV-4: %s is pushed: sidecars confirm it long before they, or the broker, would have looked',
  async (_, revoke, giveBack) => {
    const elapsedMs: number[] = [];
    for (let times = 0; times < 4; times++) {
      const last = await pair.confirmed(await revoke());
      expect(last).toMatchObject({ done: true, total: 1, outstanding: [] });
      elapsedMs.push(last?.elapsed_ms ?? Number.POSITIVE_INFINITY);
      await giveBack();
    }
    // The first may fall together with a look that the broker takes by itself, or the sidecar. Each of the others begins when one has just been taken, and
    // would wait for the next. One that did not is enough: a busy machine may be late for the rest.
    expect(Math.min(...elapsedMs.slice(1))).toBeLessThan(Math.min(backstopPollMs, askedEveryMs) / 10);
  },
);

test.each([
  ['a deleted agent', () => pair.admin.changeAgent('one', 'dev', 'delete')],
  ['a rotated agent token', () => pair.admin.rotateAgentToken('one', 'dev')],
] as const)('INV-4: %s is pushed to the sidecars that run on it, though it ends their streams too', async (_, revoke) => {
  expect(await pair.confirmed(await revoke())).toMatchObject({ done: true, total: 1, outstanding: [] });
});
