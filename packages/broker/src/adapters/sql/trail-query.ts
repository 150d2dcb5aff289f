import type { AuditRow } from '../../domain/audit-event.ts';
import type { AuditHead, AuditTrail } from '../../ports/store.ts';
import { toAuditRow } from './entity-rows.ts';
import { type Query, type RunQuery, statement } from './query.ts';
import { bytes, integer } from './rows.ts';

export function createAuditTrail(run: RunQuery): AuditTrail {
  return {
    rows: (tenantId, after, limit) => run(readRows(tenantId, after, limit)),
    newest: (tenantId, limit) => run(readNewest(tenantId, limit)),
    head: (tenantId) => run(readSignedHead(tenantId)),
  };
}

function* readRows(tenantId: string, after: number, limit: number): Query<readonly AuditRow[]> {
  const rows = yield statement('SELECT * FROM audit WHERE tenant_id = ? AND seq > ? ORDER BY seq LIMIT ?', tenantId, after, limit);
  return rows.map(toAuditRow);
}

function* readNewest(tenantId: string, limit: number): Query<readonly AuditRow[]> {
  const rows = yield statement('SELECT * FROM audit WHERE tenant_id = ? ORDER BY seq DESC LIMIT ?', tenantId, limit);
  return rows.map(toAuditRow).toReversed();
}

function* readSignedHead(tenantId: string): Query<AuditHead | undefined> {
  const [row] = yield statement('SELECT audit_seq, audit_hash, audit_mac FROM tenants WHERE id = ?', tenantId);
  return row && { seq: integer(row, 'audit_seq'), hash: bytes(row, 'audit_hash'), mac: bytes(row, 'audit_mac') };
}
