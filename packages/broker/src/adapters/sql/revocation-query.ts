import { AppError } from '@leasehold/core';
import type { NewRevocation } from '../../ports/store.ts';
import { nextRevision } from './change-query.ts';
import { type Query, statement } from './query.ts';
import { integer, strayWindow } from './rows.ts';

const cuts = {
  tenant: 'UPDATE tenants SET cut_seq = ?, rev = ? WHERE id = ? AND id = ?',
  agent: 'UPDATE agents SET cut_seq = ?, rev = ? WHERE id = ? AND tenant_id = ?',
  credential: 'UPDATE credentials SET cut_seq = ?, rev = ? WHERE id = ? AND tenant_id = ?',
  grant: 'UPDATE grants SET cut_seq = ?, rev = ? WHERE id = ? AND tenant_id = ?',
} as const;

/** Behind what somebody else wrote into the log, too: a row of theirs must not keep ours from being written. Beyond the window is no number of a log. */
const takeSeq = `UPDATE tenants SET log_seq = 1 + max(log_seq, coalesce(
    (SELECT CAST(max(seq) AS BIGINT) FROM revocations WHERE tenant_id = tenants.id AND seq > tenants.log_seq AND seq < tenants.log_seq + ${strayWindow}), 0))
  WHERE id = ? RETURNING log_seq`;

/**
 * Takes the next seq by updating the counter in the tenant's row, so that commit order is seq order and no seq is lost with a rollback,
 * and moves the cut mark of what is named.
 */
export function* appendRevocation(tenantId: string, { scope, ids, reason }: NewRevocation, at: number): Query<void> {
  const [counter] = yield statement(takeSeq, tenantId);
  if (counter === undefined) throw new AppError('internal', 'A revocation names a tenant that is not there.');
  const seq = integer(counter, 'log_seq');
  yield statement(
    'INSERT INTO revocations (tenant_id, seq, scope, ids, reason, at) VALUES (?, ?, ?, ?, ?, ?)',
    tenantId,
    seq,
    scope,
    JSON.stringify(ids),
    reason,
    at,
  );
  for (const id of ids) {
    yield scope === 'lease'
      ? statement(
          "UPDATE leases SET ended_how = 'revoked', ended_at = ? WHERE id = ? AND tenant_id = ? AND ended_how IS NULL",
          at,
          id,
          tenantId,
        )
      : statement(cuts[scope], seq, yield* nextRevision(), id, tenantId);
  }
}
