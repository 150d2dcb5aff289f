import { type AuditAction, type AuditRow, auditActions, type NewAuditEvent } from '../../domain/audit-event.ts';
import { bytesOrNone, integer, json, type Row, text } from './rows.ts';

/**
 * The columns of a row of the trail, whatever somebody else put there: a number that JavaScript can't hold would fail the whole page, and the rows
 * behind it could never be read again.
 */
export const auditColumns: string = `tenant_id, CASE WHEN seq BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER} THEN CAST(seq AS BIGINT) ELSE ${Number.MAX_SAFE_INTEGER} END AS seq,
  CASE WHEN at BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER} THEN CAST(at AS BIGINT) ELSE 0 END AS at, event, hash`;

/** INV-13: a row that can't be read is still a row. It is shown as `row.unreadable`, and its hash fits nothing, so that `audit verify` names it. */
export function toAuditRow(row: Row): AuditRow {
  return {
    tenantId: text(row, 'tenant_id'),
    seq: integer(row, 'seq'),
    at: integer(row, 'at'),
    event: toEvent(row),
    hash: bytesOrNone(row, 'hash'),
  };
}

function toEvent(row: Row): NewAuditEvent {
  try {
    const event = json<unknown>(row, 'event');
    return isEvent(event) ? event : unreadable;
  } catch {
    return unreadable;
  }
}

const unreadable: NewAuditEvent = { actor: { kind: 'system', id: 'unknown' }, action: 'row.unreadable', outcome: 'denied' };

const actions: ReadonlySet<unknown> = new Set<AuditAction>(auditActions);
const actorKinds: readonly unknown[] = ['agent', 'operator', 'system'];
const texts = ['reason', 'agentId', 'credentialId', 'grantId', 'leaseId'] as const;
const fields: ReadonlySet<string> = new Set(['actor', 'action', 'outcome', 'detail', ...texts]);

/** Nothing beside what the chain's hash covers: a field more would be shown, and vouched for by nobody. */
function isEvent(value: unknown): value is NewAuditEvent {
  if (!isRecord(value)) return false;
  const { actor, action, outcome, detail = {} } = value;
  return (
    isRecord(actor) &&
    Object.keys(value).every((key) => fields.has(key)) &&
    actorKinds.includes(actor.kind) &&
    typeof actor.id === 'string' &&
    actions.has(action) &&
    (outcome === 'allowed' || outcome === 'denied') &&
    texts.every((name) => value[name] === undefined || typeof value[name] === 'string') &&
    isRecord(detail) &&
    Object.values(detail).every((each) => typeof each === 'string' || typeof each === 'number')
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
