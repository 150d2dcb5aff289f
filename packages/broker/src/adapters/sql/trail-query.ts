import type { AuditRow } from '../../domain/audit-event.ts';
import type { AuditHead, AuditTrail } from '../../ports/store.ts';
import { auditColumns, toAuditRow } from './audit-rows.ts';
import { type Query, type RunQuery, statement } from './query.ts';
import { bytesOrNone, integer } from './rows.ts';

export function createAuditTrail(run: RunQuery): AuditTrail {
  return {
    rows: (tenantId, after, limit) => run(readRows(tenantId, after, limit)),
    newest: (tenantId, limit) => run(readNewest(tenantId, limit)),
    head: (tenantId) => run(readSignedHead(tenantId)),
  };
}

function* readRows(tenantId: string, after: number, limit: number): Query<readonly AuditRow[]> {
  // What lies behind the last number is shown as that: asked for again, it would come again.
  if (after >= Number.MAX_SAFE_INTEGER) return [];
  const rows = yield statement(
    `SELECT ${auditColumns} FROM audit WHERE tenant_id = ? AND audit.seq > ? ORDER BY audit.seq LIMIT ?`,
    tenantId,
    after,
    limit,
  );
  return rows.map(toAuditRow);
}

function* readNewest(tenantId: string, limit: number): Query<readonly AuditRow[]> {
  const rows = yield statement(`SELECT ${auditColumns} FROM audit WHERE tenant_id = ? ORDER BY audit.seq DESC LIMIT ?`, tenantId, limit);
  return rows.map(toAuditRow).toReversed();
}

function* readSignedHead(tenantId: string): Query<AuditHead | undefined> {
  const [row] = yield statement(
    `SELECT CASE WHEN audit_seq BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER} THEN CAST(audit_seq AS BIGINT) ELSE 0 END AS seq, audit_hash, audit_mac
     FROM tenants WHERE id = ?`,
    tenantId,
  );
  return row && { seq: integer(row, 'seq'), hash: bytesOrNone(row, 'audit_hash'), mac: bytesOrNone(row, 'audit_mac') };
}
