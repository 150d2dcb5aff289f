import { describeStore } from '../../ports/store.suite.ts';
import { createMemoryStore } from './memory-store.ts';

describeStore('the store in memory', async () => {
  const clock = { now: 1_000 };
  return { clock, store: createMemoryStore({ epoch: 'epoch', now: () => clock.now, auditMac: (_, seq) => new Uint8Array([seq]) }) };
});
