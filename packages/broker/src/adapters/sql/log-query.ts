import { AppError, type LogHead } from '@leasehold/core';
import type { LoggedRevocation, RevocationLog } from '../../ports/store.ts';
import { toRevocation } from './entity-rows.ts';
import { readHead } from './facts-query.ts';
import { type Query, type RunQuery, type Surroundings, statement } from './query.ts';
import { integer, text } from './rows.ts';

export function createRevocationLog(run: RunQuery, { epoch }: Surroundings): RevocationLog {
  return {
    heads: (tenantIds) => run(readHeads(epoch, tenantIds)),
    after: (tenantId, after, limit) => run(readAfter(epoch, tenantId, after, limit)),
    revision: () => run(readRevision()),
    agentsChangedAfter: (revision) => run(readChangedAgents(revision)),
  };
}

function* readHeads(epoch: string, tenantIds: readonly string[]): Query<ReadonlyMap<string, LogHead | AppError>> {
  const heads = new Map<string, LogHead | AppError>();
  let failed: AppError | undefined;
  for (const id of tenantIds) {
    try {
      const head = yield* readHead(epoch, id);
      if (head !== undefined) heads.set(id, head);
    } catch (thrown) {
      if (!(thrown instanceof AppError)) throw thrown;
      failed = thrown;
      heads.set(id, thrown);
    }
  }
  // Where none can be read it is the database, and no tenant's row.
  if (failed !== undefined && [...heads.values()].every((head) => head instanceof AppError)) throw failed;
  return heads;
}

function* readAfter(epoch: string, tenantId: string, after: LogHead, limit: number): Query<readonly LoggedRevocation[]> {
  if (after.epoch !== epoch) return [];
  const rows = yield statement(
    'SELECT * FROM revocations WHERE tenant_id = ? AND seq > ? ORDER BY seq LIMIT ?',
    tenantId,
    after.seq,
    limit,
  );
  return rows.map(toRevocation);
}

function* readRevision(): Query<number> {
  const [row] = yield statement('SELECT revision FROM store_state WHERE id = 1');
  return integer(row ?? {}, 'revision');
}

function* readChangedAgents(since: number): Query<{ readonly revision: number; readonly agentIds: readonly string[] }> {
  // The revision first: what moves after it is named again next time, never lost.
  const revision = yield* readRevision();
  // UNION ALL: to drop the doubles itself, SQLite would sort, and walk all agents for it.
  const rows = yield statement(
    `SELECT id FROM agents WHERE rev > ?
     UNION ALL SELECT a.id FROM tenants t JOIN agents a ON a.tenant_id = t.id WHERE t.rev > ?
     UNION ALL SELECT agent_id FROM grants WHERE rev > ?
     UNION ALL SELECT g.agent_id FROM credentials c JOIN grants g ON g.credential_id = c.id WHERE c.rev > ?
     UNION ALL SELECT a.id FROM credentials c JOIN tenants t ON t.id = c.tenant_id AND t.discover_names = 1 JOIN agents a ON a.tenant_id = t.id
       WHERE c.rev > ?`,
    since,
    since,
    since,
    since,
    since,
  );
  return { revision, agentIds: [...new Set(rows.map((row) => text(row, 'id')))] };
}
