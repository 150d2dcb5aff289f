import { createHash } from 'node:crypto';
import { AppError, type LogHead } from '@leasehold/core';
import type { Lease } from '../../domain/lease.ts';
import { leaseStatus } from '../../domain/lease-liveness.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { Committed, CommittedEach, Decision, Facts, Listed, Page, Ref, Selection, Store } from '../../ports/store.ts';
import { appendAudit, appendRevocation, applyChange } from './memory-changes.ts';
import { copyState, emptyState, type MemoryState, type Revised } from './memory-state.ts';

export interface MemoryStoreOptions {
  readonly epoch: string;
  readonly now: () => number;
  readonly auditMac: (tenantId: string, seq: number, hash: Uint8Array) => Uint8Array;
  /** What it holds at first, as after a restore from a backup; nothing when it is not given. */
  readonly begin?: MemoryState;
}

export interface MemoryStore extends Store {
  /** A backup of everything. */
  snapshot(): MemoryState;
}

/** The reference: obviously right, and nothing more. Tests of use cases run on it; the suite holds every other store to it. */
export function createMemoryStore({ epoch, now, auditMac, begin }: MemoryStoreOptions): MemoryStore {
  const sign = { sha256: (bytes: Uint8Array) => Uint8Array.from(createHash('sha256').update(bytes).digest()), mac: auditMac };
  let announcedMs = 0;
  let state = begin === undefined ? emptyState() : copyState(begin);

  function commitNow<T>(selection: Selection, decide: (facts: Facts, at: number) => Decision<T>): Committed<T> {
    const draft = copyState(state);
    const committed = decideIn(draft, selection, decide);
    state = draft;
    return committed;
  }

  function commitEachNow<T>(decide: (facts: Facts, at: number) => Decision<T>): CommittedEach<T> {
    const draft = copyState(state);
    const ids = [...draft.tenants.keys()].toSorted();
    const committed = ids.map((id) => decideIn(draft, { tenant: { id }, lock: 'update' }, decide));
    state = draft;
    return { committed, left: [] };
  }

  function decideIn<T>(draft: MemoryState, selection: Selection, decide: (facts: Facts, at: number) => Decision<T>): Committed<T> {
    const at = now();
    const facts = factsOf(draft, epoch, selection);
    const decision = decide(facts, at);
    for (const change of decision.changes) applyChange(draft, change);
    const tenantId = facts.tenant?.id ?? newTenantId(decision);
    if (tenantId === undefined && decision.revocations.length + decision.audit.length > 0)
      throw new AppError('internal', 'This change has no tenant whose trail could hold its record.');
    if (tenantId !== undefined) {
      for (const revocation of decision.revocations) appendRevocation(draft, tenantId, revocation, at);
      for (const event of decision.audit) appendAudit(draft, tenantId, event, at, sign);
    }
    return { result: decision.result, head: tenantId === undefined ? undefined : headOf(draft, epoch, tenantId), at };
  }

  return {
    ledger: {
      commit: async (selection, decide) => commitNow(selection, decide),
      commitEach: async (decide) => commitEachNow(decide),
      sweepExpired: async (limit) => {
        const at = now();
        const over = [...state.leases.values()].filter((lease) => lease.ended === undefined && lease.expiresAt <= at).slice(0, limit);
        for (const lease of over) state.leases.set(lease.id, { ...lease, ended: { how: 'expired', at: lease.expiresAt } });
        return over.length;
      },
    },
    log: {
      heads: async (tenantIds) => new Map(tenantIds.filter((id) => state.tenants.has(id)).map((id) => [id, headOf(state, epoch, id)])),
      after: async (tenantId, { epoch: ofEpoch, seq: after }, limit) =>
        ofEpoch === epoch ? (state.logs.get(tenantId) ?? []).filter(({ seq }) => seq > after).slice(0, limit) : [],
      revision: async () => state.revision,
      agentsChangedAfter: async (since) => ({ revision: state.revision, agentIds: changedAgents(state, since) }),
    },
    announced: {
      maxStalenessMs: async () => announcedMs,
      keepMaxStaleness: async (ms) => {
        announcedMs = ms;
      },
    },
    directory: {
      agentByTokenHash: async (hash) => {
        const agent = rowsOf(state.agents).find(({ tokenHash, status }) => status !== 'deleted' && same(tokenHash, hash));
        const tenant = agent && state.tenants.get(agent.tenantId)?.row;
        return agent === undefined || tenant === undefined ? undefined : { tenant, agent };
      },
      operatorByTokenHash: async (hash) => [...state.operators.values()].find(({ tokenHash }) => same(tokenHash, hash)),
      find: async (selection) => factsOf(state, epoch, selection),
      lineageOf: async (agentId) => {
        const agent = state.agents.get(agentId)?.row;
        const tenant = agent && state.tenants.get(agent.tenantId)?.row;
        if (agent === undefined || tenant === undefined) return undefined;
        const grants = rowsOf(state.grants)
          .filter((grant) => grant.agentId === agentId && grant.status === 'active')
          .toSorted(byId)
          .flatMap((grant) => {
            const credential = state.credentials.get(grant.credentialId)?.row;
            return credential === undefined || credential.status === 'deleted' ? [] : [{ grant, credential }];
          });
        const ungranted = living(state.credentials, tenant.id)
          .filter(({ id }) => tenant.agentsDiscoverNames && !grants.some(({ credential }) => credential.id === id))
          .toSorted((a, b) => (a.name < b.name ? -1 : 1));
        return { now: now(), tenant, agent, grants, ungranted: ungranted.slice(0, 500) };
      },
      sealedValue: async (credentialId, version) => state.values.get(`${credentialId}/${version}`),
    },
    listings: {
      tenants: async (page) => paged(rowsOf(state.tenants), page, ({ name }) => name),
      operators: async (tenantId, page) => {
        const own = [...state.operators.values()].filter((each) => each.tenantId === tenantId);
        return paged(own, page, ({ name, id }) => `${name}/${id}`);
      },
      agents: async (tenantId, page) => paged(living(state.agents, tenantId), page, ({ name }) => name),
      credentials: async (tenantId, page) => paged(living(state.credentials, tenantId), page, ({ name }) => name),
      grants: async (tenantId, page) => {
        const listings = rowsOf(state.grants).flatMap((grant) => {
          const agent = state.agents.get(grant.agentId)?.row;
          const credential = state.credentials.get(grant.credentialId)?.row;
          if (agent === undefined || credential === undefined || grant.tenantId !== tenantId || grant.status !== 'active') return [];
          return agent.status === 'deleted' || credential.status === 'deleted' ? [] : [{ grant, agent, credential }];
        });
        return paged(listings, page, ({ grant, agent }) => `${agent.name}!${grant.id}`);
      },
      leases: async (tenantId, page, live) => {
        const listings = [...state.leases.values()].flatMap((lease) => {
          const [tenant, agent] = [state.tenants.get(lease.tenantId)?.row, state.agents.get(lease.agentId)?.row];
          const [credential, grant] = [state.credentials.get(lease.credentialId)?.row, state.grants.get(lease.grantId)?.row];
          if (lease.tenantId !== tenantId || (live && lease.ended !== undefined)) return [];
          if (tenant === undefined || agent === undefined || credential === undefined || grant === undefined) return [];
          return [{ now: now(), lease, tenant, agent, credential, grant }];
        });
        const sorted = listings.toSorted(({ lease: a }, { lease: b }) => b.issuedAt - a.issuedAt || (a.id < b.id ? 1 : -1));
        const from = page.after === undefined ? 0 : sorted.findIndex(({ lease }) => lease.id === page.after) + 1;
        const items = sorted.slice(from, from + page.limit);
        return { items, next: from + page.limit < sorted.length ? items.at(-1)?.lease.id : undefined };
      },
      counts: async () => {
        const at = now();
        const isLive = (lease: Lease) => {
          const [tenant, agent] = [state.tenants.get(lease.tenantId)?.row, state.agents.get(lease.agentId)?.row];
          const [credential, grant] = [state.credentials.get(lease.credentialId)?.row, state.grants.get(lease.grantId)?.row];
          if (tenant === undefined || agent === undefined || credential === undefined || grant === undefined) return false;
          return leaseStatus(lease, { tenant, agent, credential, grant }, at) === 'active';
        };
        return { tenants: state.tenants.size, liveLeases: [...state.leases.values()].filter(isLive).length, now: at };
      },
      tenantCount: async () => state.tenants.size,
      unexpiredLeases: async () => {
        const at = now();
        return [...state.leases.values()].filter((lease) => lease.ended === undefined && lease.expiresAt > at).length;
      },
    },
    keys: {
      deksOf: async (tenantId) =>
        [...state.deks.values()].filter((dek) => dek.tenantId === tenantId).toSorted((a, b) => b.generation - a.generation),
      dek: async (id) => state.deks.get(id),
      addDek: async (dek) => {
        const clashes = [...state.deks.values()].some(
          (each) => each.id === dek.id || (each.tenantId === dek.tenantId && each.generation === dek.generation),
        );
        if (clashes) throw new AppError('conflict', 'This generation of the data key exists already.');
        state.deks.set(dek.id, dek);
      },
      brokerKey: async (name, wrappedIfMissing) => {
        const made = state.brokerKeys.get(name) ?? (await wrappedIfMissing());
        const kept = state.brokerKeys.get(name) ?? made;
        state.brokerKeys.set(name, kept);
        return kept;
      },
    },
    audit: {
      rows: async (tenantId, after, limit) => (state.audit.get(tenantId) ?? []).filter(({ seq }) => seq > after).slice(0, limit),
      newest: async (tenantId, limit) => (state.audit.get(tenantId) ?? []).slice(-limit),
      head: async (tenantId) =>
        state.auditHeads.get(tenantId) ??
        (state.tenants.has(tenantId) ? { seq: 0, hash: new Uint8Array(32), mac: new Uint8Array(0) } : undefined),
    },
    check: async () => undefined,
    close: async () => undefined,
    snapshot: () => copyState(state),
  };
}

function factsOf(state: MemoryState, epoch: string, selection: Omit<Selection, 'lock'>): Facts {
  const tenant = selection.tenant && pick(rowsOf(state.tenants), selection.tenant, () => true);
  const lastUseBatch = selection.useBatchesOf === undefined ? undefined : state.useBatches.get(selection.useBatchesOf);
  const nothing = { agent: undefined, credential: undefined, grant: undefined, lease: undefined, lastUseBatch };
  if (tenant === undefined) return { head: undefined, tenant: undefined, ...nothing };
  const own = <T extends { readonly tenantId: string }>(row: T | undefined) => (row?.tenantId === tenant.id ? row : undefined);
  const lease = selection.lease && own(state.leases.get(selection.lease.id));
  const grantId = lease?.grantId ?? (typeof selection.grant === 'object' ? selection.grant.id : undefined);
  const named = grantId === undefined ? undefined : own(state.grants.get(grantId)?.row);
  const agentRef = named === undefined ? selection.agent : { id: named.agentId };
  const credentialRef = named === undefined ? selection.credential : { id: named.credentialId };
  const agent = agentRef && pick(rowsOf(state.agents).filter(own), agentRef, (row) => row.status !== 'deleted');
  const credential = credentialRef && pick(rowsOf(state.credentials).filter(own), credentialRef, (row) => row.status !== 'deleted');
  const pair =
    selection.grant !== 'pair'
      ? undefined
      : rowsOf(state.grants).find((row) => row.status === 'active' && row.agentId === agent?.id && row.credentialId === credential?.id);
  const operators = [...state.operators.values()].filter((each) => each.tenantId === tenant.id);
  const asker = operators.find(({ id }) => id === selection.asker);
  const below = { agent, credential, grant: named ?? pair, lease };
  const facts = { head: headOf(state, epoch, tenant.id), tenant, ...below, lastUseBatch, ...(asker && { asker }) };
  const ref = selection.operators;
  if (ref === undefined) return facts;
  return { ...facts, operators: operators.filter((each) => ('id' in ref ? each.id === ref.id : each.name === ref.name)).toSorted(byId) };
}

/** Deleted rows are found by id only. */
function pick<T extends { readonly id: string; readonly name: string }>(
  rows: readonly T[],
  ref: Ref,
  isAlive: (row: T) => boolean,
): T | undefined {
  return rows.find((row) => ('id' in ref ? row.id === ref.id : row.name === ref.name && isAlive(row)));
}

function headOf(state: MemoryState, epoch: string, tenantId: string): LogHead {
  return { epoch, seq: state.logs.get(tenantId)?.length ?? 0 };
}

function changedAgents(state: MemoryState, since: number): readonly string[] {
  const changed = new Set<string>();
  const isNew = ({ rev }: { readonly rev: number } = { rev: 0 }) => rev > since;
  for (const [id, agent] of state.agents) if (isNew(agent) || isNew(state.tenants.get(agent.row.tenantId))) changed.add(id);
  for (const grant of state.grants.values())
    if (isNew(grant) || isNew(state.credentials.get(grant.row.credentialId))) changed.add(grant.row.agentId);
  const discovered = [...state.credentials.values()].filter(isNew).map(({ row }) => state.tenants.get(row.tenantId)?.row);
  const discovering = new Set(discovered.flatMap((tenant) => (tenant?.agentsDiscoverNames === true ? [tenant.id] : [])));
  for (const agent of rowsOf(state.agents)) if (discovering.has(agent.tenantId)) changed.add(agent.id);
  return [...changed];
}

function newTenantId(decision: Decision<unknown>): string | undefined {
  return decision.changes.flatMap((change): Tenant[] => ('put' in change && change.put === 'tenant' ? [change.row] : []))[0]?.id;
}

function rowsOf<T>(rows: ReadonlyMap<string, Revised<T>>): T[] {
  return [...rows.values()].map(({ row }) => row);
}

function living<T extends { readonly tenantId: string; readonly status: string }>(
  rows: ReadonlyMap<string, Revised<T>>,
  tenantId: string,
): T[] {
  return rowsOf(rows).filter((row) => row.tenantId === tenantId && row.status !== 'deleted');
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function paged<T>(rows: readonly T[], { limit, after = '' }: Page, place: (row: T) => string): Listed<T> {
  const sorted = rows
    .map((row) => ({ row, at: place(row) }))
    .filter(({ at }) => at > after)
    .toSorted((a, b) => (a.at < b.at ? -1 : 1));
  const shown = sorted.slice(0, limit);
  return { items: shown.map(({ row }) => row), next: sorted.length > limit ? shown.at(-1)?.at : undefined };
}
