import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createMemoryStore, type MemoryStore } from '../../adapters/memory/memory-store.ts';
import { forebearsOf } from './forebears.ts';

let store: MemoryStore;
let end: AbortController;
const start = (maxStalenessMs: number) => forebearsOf(store, maxStalenessMs, end.signal);

beforeEach(async () => {
  vi.useFakeTimers();
  end = new AbortController();
  store = createMemoryStore({ epoch: 'e1', now: () => 0, auditMac: () => new Uint8Array() });
});
afterEach(() => {
  end.abort();
  vi.useRealTimers();
});

async function addTenant(): Promise<void> {
  const row = { id: 't1', name: 'one', status: 'active', agentsDiscoverNames: false, cutSeq: 0, createdAt: 0 } as const;
  const decision = { changes: [{ put: 'tenant', row }], revocations: [], audit: [], result: undefined } as const;
  await store.ledger.commit({ tenant: undefined, lock: 'update' }, () => decision);
}

test('a database that knows no tenant has never had a sidecar', async () => {
  expect([await start(3_000), await start(3_000)]).toEqual([0, 0]);
});

test('what the broker before allowed counts, and as much as this one where that is not known', async () => {
  await addTenant();
  expect([await start(3_000), await start(5_000), await start(5_000)]).toEqual([3_000, 3_000, 5_000]);
});

test('a longer one is remembered until all have closed themselves by it, however often the broker is started meanwhile', async () => {
  await addTenant();
  await start(30_000);
  end.abort();
  end = new AbortController();
  expect(await start(1_000)).toBe(30_000);
  await vi.advanceTimersByTimeAsync(29_999);
  end.abort();
  end = new AbortController();
  expect(await start(1_000)).toBe(30_000);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await start(1_000)).toBe(1_000);
});
