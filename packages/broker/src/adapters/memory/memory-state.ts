import type { Agent } from '../../domain/agent.ts';
import type { AuditRow } from '../../domain/audit-event.ts';
import type { Credential, SealedValue } from '../../domain/credential.ts';
import type { WrappedDek } from '../../domain/dek.ts';
import type { Grant } from '../../domain/grant.ts';
import type { Lease } from '../../domain/lease.ts';
import type { Operator } from '../../domain/operator.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { AuditHead, LoggedRevocation } from '../../ports/store.ts';

/** Everything, as values that are never changed in place: a copy of the maps is a snapshot. */
export interface MemoryState {
  revision: number;
  readonly tenants: Map<string, Revised<Tenant>>;
  readonly operators: Map<string, Operator>;
  readonly agents: Map<string, Revised<Agent>>;
  readonly credentials: Map<string, Revised<Credential>>;
  /** By `credential/version`. */
  readonly values: Map<string, SealedValue>;
  readonly grants: Map<string, Revised<Grant>>;
  readonly leases: Map<string, Lease>;
  readonly logs: Map<string, readonly LoggedRevocation[]>;
  readonly audit: Map<string, readonly AuditRow[]>;
  readonly auditHeads: Map<string, AuditHead>;
  readonly useBatches: Map<string, number>;
  readonly deks: Map<string, WrappedDek>;
  readonly brokerKeys: Map<string, Uint8Array>;
}

/** A row, and the revision at which it last changed. */
export interface Revised<T> {
  readonly row: T;
  readonly rev: number;
}

export function emptyState(): MemoryState {
  return {
    revision: 0,
    tenants: new Map(),
    operators: new Map(),
    agents: new Map(),
    credentials: new Map(),
    values: new Map(),
    grants: new Map(),
    leases: new Map(),
    logs: new Map(),
    audit: new Map(),
    auditHeads: new Map(),
    useBatches: new Map(),
    deks: new Map(),
    brokerKeys: new Map(),
  };
}

export function copyState(state: MemoryState): MemoryState {
  return {
    revision: state.revision,
    tenants: new Map(state.tenants),
    operators: new Map(state.operators),
    agents: new Map(state.agents),
    credentials: new Map(state.credentials),
    values: new Map(state.values),
    grants: new Map(state.grants),
    leases: new Map(state.leases),
    logs: new Map(state.logs),
    audit: new Map(state.audit),
    auditHeads: new Map(state.auditHeads),
    useBatches: new Map(state.useBatches),
    deks: new Map(state.deks),
    brokerKeys: new Map(state.brokerKeys),
  };
}
