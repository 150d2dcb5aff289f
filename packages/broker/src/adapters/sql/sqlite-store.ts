import type { Store } from '../../ports/store.ts';
import { createAnnounced } from './announced-query.ts';
import type { AuditMac } from './audit-chains.ts';
import { createDirectory } from './directory-query.ts';
import { createKeyStore } from './keys-query.ts';
import { createListings } from './listings-query.ts';
import { createRevocationLog } from './log-query.ts';
import type { Query, RunQuery, Surroundings } from './query.ts';
import { openSqlite } from './sqlite-database.ts';
import { createSqliteLedger } from './sqlite-ledger.ts';
import { createAuditTrail } from './trail-query.ts';

export interface SqliteStoreOptions {
  readonly path: string;
  /** A fresh one at each open: one broker owns the file, and a file put back from a backup must never pass for the one that sidecars knew. */
  readonly epoch: string;
  readonly auditMac: AuditMac;
  /** Wall clock, ms: for SQLite the database's clock is this process's. */
  readonly now: () => number;
  /** How much may wait for its turn, by weight; more is refused as `overloaded`. */
  readonly maxWaiting?: number;
  /** Whether the disk has room for what agents ask for. */
  readonly hasRoom?: () => boolean;
}

/** The store of a single broker: one file, no other service. Throws AppError `store_unavailable` when the file can't be used. */
export function createSqliteStore({ path, epoch, auditMac, now, maxWaiting = 65_536, hasRoom = () => true }: SqliteStoreOptions): Store {
  const database = openSqlite(path);
  const run: RunQuery = async (query) => database.run(query);
  const surroundings: Surroundings = {
    epoch,
    // biome-ignore lint/correctness/useYield: this clock needs no statement; that of a database behind a network does.
    *now(): Query<number> {
      return now();
    },
  };
  const ledger = createSqliteLedger({ ...surroundings, database, auditMac, maxWaiting, hasRoom });
  let isOpen = true;
  return {
    ledger,
    log: createRevocationLog(run, surroundings),
    directory: createDirectory(run, surroundings),
    listings: createListings(run, surroundings),
    keys: createKeyStore(run),
    audit: createAuditTrail(run),
    announced: createAnnounced(run),
    check: () => ledger.probe(),
    close: async () => {
      if (!isOpen) return;
      isOpen = false;
      ledger.finish();
      database.close();
    },
  };
}
