import { describeStore } from '../../ports/store.suite.ts';
import { suiteMac } from '../../ports/store-suite/stage.suite.ts';
import { createMemoryStore } from './memory-store.ts';

describeStore('the store in memory', async () => {
  const clock = { now: 1_000 };
  return { clock, store: createMemoryStore({ epoch: 'epoch', now: () => clock.now, auditMac: suiteMac }) };
});
