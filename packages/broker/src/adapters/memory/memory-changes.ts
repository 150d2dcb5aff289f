import { AppError } from '@leasehold/core';
import { chainHash, genesisHash, type Sha256 } from '../../domain/audit-chain.ts';
import type { NewAuditEvent } from '../../domain/audit-event.ts';
import type { Change, NewRevocation } from '../../ports/store.ts';
import type { MemoryState, Revised } from './memory-state.ts';

export function applyChange(state: MemoryState, change: Change): void {
  if ('drop' in change) {
    drop(state, change);
    return;
  }
  switch (change.put) {
    case 'tenant':
      mustBeFree([...state.tenants.values()], change.row, (each) => each.name === change.row.name);
      putRevised(state, state.tenants, change.row);
      return;
    case 'operator':
      state.operators.set(change.row.id, change.row);
      return;
    case 'agent':
      mustBeFree([...state.agents.values()], change.row, (each) => isAlive(each) && isAlive(change.row) && sameName(each, change.row));
      putRevised(state, state.agents, change.row);
      return;
    case 'credential':
      mustBeFree([...state.credentials.values()], change.row, (each) => isAlive(each) && isAlive(change.row) && sameName(each, change.row));
      putRevised(state, state.credentials, change.row);
      return;
    case 'value': {
      const { row } = change;
      state.values.set(`${row.credentialId}/${row.version}`, row);
      const dek = state.deks.get(row.dekId);
      if (dek !== undefined) state.deks.set(dek.id, { ...dek, encryptions: dek.encryptions + 1 });
      return;
    }
    case 'grant':
      mustBeFree(
        [...state.grants.values()],
        change.row,
        (each) =>
          each.status === 'active' &&
          change.row.status === 'active' &&
          each.agentId === change.row.agentId &&
          each.credentialId === change.row.credentialId,
      );
      putRevised(state, state.grants, change.row);
      return;
    case 'lease':
      state.leases.set(change.row.id, change.row);
      return;
    case 'use-batch':
      state.useBatches.set(change.instanceId, change.batchSeq);
  }
}

function drop(state: MemoryState, change: Extract<Change, { drop: string }>): void {
  switch (change.drop) {
    case 'values': {
      const { credentialId, below = Number.POSITIVE_INFINITY } = change;
      for (const [key, value] of state.values) if (value.credentialId === credentialId && value.version < below) state.values.delete(key);
      return;
    }
    case 'operator':
      state.operators.delete(change.id);
      return;
    case 'root-operators':
      for (const { id, tenantId } of state.operators.values())
        if (tenantId === undefined && id !== change.besides) state.operators.delete(id);
  }
}

/** Only a revocation moves `cutSeq`. */
function putRevised<T extends { readonly id: string; readonly cutSeq: number }>(
  state: MemoryState,
  rows: Map<string, Revised<T>>,
  row: T,
): void {
  state.revision += 1;
  rows.set(row.id, { row: { ...row, cutSeq: rows.get(row.id)?.row.cutSeq ?? 0 }, rev: state.revision });
}

function mustBeFree<T extends { readonly id: string }>(rows: readonly Revised<T>[], wanted: T, clashes: (each: T) => boolean): void {
  if (rows.some(({ row }) => row.id !== wanted.id && clashes(row)))
    throw new AppError('already_exists', 'Something of this name exists already.');
}

function isAlive({ status }: { readonly status: string }): boolean {
  return status !== 'deleted';
}

function sameName(
  a: { readonly tenantId: string; readonly name: string },
  b: { readonly tenantId: string; readonly name: string },
): boolean {
  return a.tenantId === b.tenantId && a.name === b.name;
}

export function appendRevocation(state: MemoryState, tenantId: string, { scope, ids, reason }: NewRevocation, at: number): void {
  const log = state.logs.get(tenantId) ?? [];
  const seq = log.length + 1;
  state.logs.set(tenantId, [...log, { seq, scope, ids, reason, at }]);
  for (const id of ids) {
    if (scope === 'lease') {
      const lease = state.leases.get(id);
      if (lease?.tenantId === tenantId && lease.ended === undefined) state.leases.set(id, { ...lease, ended: { how: 'revoked', at } });
    } else {
      cut(state, scope, tenantId, id, seq);
    }
  }
}

function cut(state: MemoryState, scope: Exclude<NewRevocation['scope'], 'lease'>, tenantId: string, id: string, seq: number): void {
  const move = <T extends { readonly cutSeq: number }>(rows: Map<string, Revised<T>>, belongs: (row: T) => boolean) => {
    const known = rows.get(id);
    if (known === undefined || !belongs(known.row)) return;
    state.revision += 1;
    rows.set(id, { row: { ...known.row, cutSeq: seq }, rev: state.revision });
  };
  const ofTenant = (row: { readonly tenantId: string }) => row.tenantId === tenantId;
  if (scope === 'tenant') move(state.tenants, ({ id: own }) => own === tenantId);
  else if (scope === 'agent') move(state.agents, ofTenant);
  else if (scope === 'credential') move(state.credentials, ofTenant);
  else move(state.grants, ofTenant);
}

export function appendAudit(
  state: MemoryState,
  tenantId: string,
  event: NewAuditEvent,
  at: number,
  sign: { readonly sha256: Sha256; readonly mac: (tenantId: string, seq: number, hash: Uint8Array) => Uint8Array },
): void {
  const rows = state.audit.get(tenantId) ?? [];
  const seq = rows.length + 1;
  const hash = chainHash(sign.sha256, rows.at(-1)?.hash ?? genesisHash, { tenantId, seq, at, event });
  state.audit.set(tenantId, [...rows, { tenantId, seq, at, event, hash }]);
  state.auditHeads.set(tenantId, { seq, hash, mac: sign.mac(tenantId, seq, hash) });
}
