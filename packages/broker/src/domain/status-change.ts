import type { RevocationReason, RevocationScope } from '@leasehold/core';
import type { AuditAction, AuditActor, NewAuditEvent } from './audit-event.ts';

export type Status = 'active' | 'suspended' | 'deleted';
type Subject = 'tenant' | 'agent' | 'credential';

export interface StatusChange {
  readonly revocations: readonly { readonly scope: RevocationScope; readonly ids: readonly string[]; readonly reason: RevocationReason }[];
  readonly audit: readonly NewAuditEvent[];
}

const verbs = { active: 'resumed', suspended: 'suspended', deleted: 'deleted' } as const satisfies Record<Status, string>;

/**
 * What goes with a change of status: suspending and deleting kill everything below (one revocation), resuming gives nothing back.
 * Undefined when there is nothing to change.
 */
export function statusChange(
  subject: Subject,
  row: { readonly id: string; readonly name: string; readonly status: Status },
  to: Status,
  by: AuditActor,
): StatusChange | undefined {
  if (row.status === to) return undefined;
  const action: AuditAction = `${subject}.${verbs[to]}`;
  const revocations = to === 'active' ? [] : [{ scope: subject, ids: [row.id], reason: to }];
  return { revocations, audit: [{ actor: by, action, outcome: 'allowed', ...subjectId(subject, row.id), detail: { name: row.name } }] };
}

/**
 * What goes with the kill switch: everything below dies by one revocation, and stays off until it is resumed. What is off already is killed
 * again, since whoever pulls the switch wants to see that the sidecars confirm.
 */
export function killed(
  subject: 'tenant' | 'agent',
  row: { readonly id: string; readonly name: string; readonly status: Status },
  by: AuditActor,
  reach: 'agent' | 'tenant' | 'all',
): StatusChange {
  const detail = { name: row.name, was: row.status, reach };
  return {
    revocations: [{ scope: subject, ids: [row.id], reason: 'killed' }],
    audit: [{ actor: by, action: `${subject}.killed`, outcome: 'allowed', reason: 'killed', ...subjectId(subject, row.id), detail }],
  };
}

function subjectId(subject: Subject, id: string): Partial<NewAuditEvent> {
  if (subject === 'agent') return { agentId: id };
  return subject === 'credential' ? { credentialId: id } : {};
}
