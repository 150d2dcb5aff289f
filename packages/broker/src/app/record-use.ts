import { AppError, isErrorCode, isId } from '@leasehold/core';
import type { AuditAction, NewAuditEvent } from '../domain/audit-event.ts';
import type { Store } from '../ports/store.ts';
import type { LendingUseCases, SessionClaims, UseBatch, UseRecord } from '../ports/use-cases.ts';
import { mustBeCurrent } from './denied.ts';

const maxRecords = 1_000;

/** Adds what a sidecar did to the trail. A batch that was taken already is passed over, so a resent one counts once. */
export function createRecordUse({ store }: { readonly store: Pick<Store, 'ledger'> }): LendingUseCases['recordUse'] {
  return async (caller, batch) => {
    if (batch.records.length > maxRecords) throw new AppError('invalid_argument', `A use batch holds at most ${maxRecords} records.`);
    const { tenantId, agentId, tokenVersion, instanceId } = caller;
    // The instance id is the sidecar's own word: bound to the agent, it can't swallow another's batches.
    const instance = `${agentId}/${instanceId}`;
    await store.ledger.commit(
      {
        tenant: { id: tenantId },
        agent: { id: agentId },
        useBatchesOf: instance,
        lock: 'share',
        // In a line of their own: what an agent did must not hold up what it wants to do.
        turn: { of: `uses of ${agentId}`, weight: Math.max(1, batch.records.length) },
      },
      ({ agent, lastUseBatch = 0 }) => {
        mustBeCurrent(agent, tokenVersion);
        if (batch.batchSeq <= lastUseBatch) return { changes: [], revocations: [], audit: [], result: undefined };
        return {
          changes: [{ put: 'use-batch', instanceId: instance, batchSeq: batch.batchSeq }],
          revocations: [],
          audit: audited(caller, batch),
          result: undefined,
        };
      },
    );
  };
}

function audited(caller: SessionClaims, { records, dropped }: UseBatch): readonly NewAuditEvent[] {
  const lost: NewAuditEvent = {
    ...byAgent(caller),
    action: 'lease.used',
    outcome: 'allowed',
    reason: 'records_dropped',
    detail: { count: dropped },
  };
  return [...records.map((record) => auditedUse(caller, record)), ...(dropped > 0 ? [lost] : [])];
}

function byAgent({ agentId }: SessionClaims): Pick<NewAuditEvent, 'actor' | 'agentId'> {
  return { actor: { kind: 'agent', id: agentId }, agentId };
}

/** By outcome; every other one is a refusal. */
const allowedActions: ReadonlyMap<string, AuditAction> = new Map([
  ['forwarded', 'lease.used'],
  ['passed_blind', 'tunnel.passed_blind'],
]);

/** Ids are kept when they have the shape of ids; everything else that a sidecar says is text for people, cut to a length. */
function auditedUse(caller: SessionClaims, record: UseRecord): NewAuditEvent {
  const allowed = allowedActions.get(record.outcome);
  const reason = isErrorCode(record.outcome) ? record.outcome : 'internal';
  return {
    ...byAgent(caller),
    action: allowed ?? 'request.refused',
    outcome: allowed === undefined ? 'denied' : 'allowed',
    ...(allowed === undefined && { reason }),
    ...(isId('credential', record.credentialId) && { credentialId: record.credentialId }),
    ...(isId('lease', record.leaseId) && { leaseId: record.leaseId }),
    detail: {
      method: record.method.slice(0, 32),
      authority: record.authority.slice(0, 300),
      path: record.path.slice(0, 200),
      status: record.httpStatus,
      count: record.count,
      instance: caller.instanceName.slice(0, 253),
    },
  };
}
