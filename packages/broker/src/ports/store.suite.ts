import { afterEach, beforeEach, describe } from 'vitest';
import { describeAuditTrail } from './store-suite/audit.suite.ts';
import { describeCommits } from './store-suite/commits.suite.ts';
import { describeDirectory } from './store-suite/directory.suite.ts';
import { describeKeys } from './store-suite/keys.suite.ts';
import { describeLeases } from './store-suite/leases.suite.ts';
import { describeListings } from './store-suite/listings.suite.ts';
import { describeLog } from './store-suite/log.suite.ts';
import { describeSelections } from './store-suite/selections.suite.ts';
import { type OpenedStore, type Stage, setStage } from './store-suite/stage.suite.ts';

/** What every store must do, sentence by sentence of `store.ts`. It is opened with the epoch 'epoch' and with `suiteMac`. */
export function describeStore(name: string, open: () => Promise<OpenedStore>): void {
  describe(name, () => {
    let stage: Stage;
    beforeEach(async () => {
      stage = await setStage(await open());
    });
    afterEach(() => stage.store.close());

    for (const describePart of [
      describeSelections,
      describeCommits,
      describeLeases,
      describeLog,
      describeDirectory,
      describeListings,
      describeKeys,
      describeAuditTrail,
    ])
      describePart(() => stage);
  });
}
