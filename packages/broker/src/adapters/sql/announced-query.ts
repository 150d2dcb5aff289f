import type { Announced } from '../../ports/store.ts';
import { type Query, type RunQuery, statement } from './query.ts';
import { integer } from './rows.ts';

export function createAnnounced(run: RunQuery): Announced {
  return { maxStalenessMs: () => run(read()), keepMaxStaleness: (ms) => run(keep(ms)) };
}

function* read(): Query<number> {
  const [row] = yield statement('SELECT max_staleness_ms FROM store_state WHERE id = 1');
  return integer(row ?? {}, 'max_staleness_ms');
}

function* keep(ms: number): Query<void> {
  yield statement('UPDATE store_state SET max_staleness_ms = ? WHERE id = 1', ms);
}
