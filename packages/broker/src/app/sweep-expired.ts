import type { Ledger } from '../ports/store.ts';

const batch = 1_000;

/** Marks leases whose time has passed, in batches with a breath between, until none is left. Book-keeping: validity never waits for it. */
export async function sweepExpired(ledger: Pick<Ledger, 'sweepExpired'>, ended: AbortSignal): Promise<number> {
  let swept = 0;
  while (!ended.aborted) {
    const count = await ledger.sweepExpired(batch);
    swept += count;
    if (count < batch) break;
  }
  return swept;
}
