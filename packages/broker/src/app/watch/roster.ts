import { type Clock, elapsedMs, type Instant } from '@leasehold/core';
import type { SessionClaims } from '../../ports/use-cases.ts';
import type { Subscriber } from './subscriber.ts';

/** Who is connected, and who left so lately that it may not have closed itself yet. */
export interface Roster {
  readonly size: number;
  all(): Iterable<Subscriber>;
  tenants(): Iterable<string>;
  hasTenant(tenantId: string): boolean;
  ofTenant(tenantId: string): Iterable<Subscriber>;
  ofAgent(agentId: string): Iterable<Subscriber>;
  countOfAgent(agentId: string): number;
  /** The latest of the tenant with the most, where that has more than this one would have with one more. */
  givingWayTo(tenantId: string): Subscriber | undefined;
  /** By sidecar: where those stand that left less than max_staleness ago. */
  departedOf(tenantId: string): ReadonlyMap<string, Departed>;
  /** For how long from now sidecars of this tenant may not have closed themselves that had to be forgotten, ms. */
  forgottenForMs(tenantId: string): number;
  /** Those with somebody connected, or lately departed. */
  tenantsSeen(): ReadonlySet<string>;
  join(subscriber: Subscriber): void;
  leave(subscriber: Subscriber): void;
  /** Forgets those who have closed themselves by now. */
  prune(): void;
}

export interface Departed {
  readonly caller: SessionClaims;
  readonly appliedSeq: number;
  readonly at: Instant;
}

/** One sidecar, whatever the number of its streams. The agent is part of it: an instance names itself. */
export function sidecarKey({ agentId, instanceId }: Pick<SessionClaims, 'agentId' | 'instanceId'>): string {
  return `${agentId}/${instanceId}`;
}

export function createRoster({
  clock,
  maxStalenessMs,
  maxDeparted = 20_000,
}: {
  readonly clock: Clock;
  readonly maxStalenessMs: number;
  readonly maxDeparted?: number;
}): Roster {
  const connected = new Set<Subscriber>();
  const byTenant = new Map<string, Set<Subscriber>>();
  const byAgent = new Map<string, Set<Subscriber>>();
  /** In the order in which they left. */
  const departed = new Map<string, Departed>();
  const departedByTenant = new Map<string, Map<string, Departed>>();
  /** By tenant: when one of them was forgotten before its time. */
  const forgotten = new Map<string, Instant>();

  const prune = () => {
    const now = clock.now();
    for (const [key, gone] of departed) {
      if (elapsedMs(gone.at, now) < maxStalenessMs) break;
      forget(key, gone);
    }
    for (const [tenantId, at] of forgotten) if (elapsedMs(at, now) >= maxStalenessMs) forgotten.delete(tenantId);
  };
  const forget = (key: string, { caller: { tenantId } }: Departed) => {
    departed.delete(key);
    const own = departedByTenant.get(tenantId);
    own?.delete(key);
    if (own?.size === 0) departedByTenant.delete(tenantId);
  };
  /** The tenant with the most gives way: a flood of comings and goings must not make others' sidecars forgotten. */
  const makeRoom = () => {
    let [tenantId, most] = ['', new Map<string, Departed>()];
    for (const [id, own] of departedByTenant) if (own.size > most.size) [tenantId, most] = [id, own];
    for (const [key, gone] of most) {
      forget(key, gone);
      forgotten.set(tenantId, clock.now());
      return;
    }
  };

  return {
    get size() {
      return connected.size;
    },
    all: () => connected,
    tenants: () => byTenant.keys(),
    hasTenant: (tenantId) => byTenant.has(tenantId),
    ofTenant: (tenantId) => byTenant.get(tenantId) ?? [],
    ofAgent: (agentId) => byAgent.get(agentId) ?? [],
    countOfAgent: (agentId) => byAgent.get(agentId)?.size ?? 0,
    givingWayTo(tenantId) {
      let most: ReadonlySet<Subscriber> = new Set();
      for (const own of byTenant.values()) if (own.size > most.size) most = own;
      return most.size > (byTenant.get(tenantId)?.size ?? 0) + 1 ? [...most].at(-1) : undefined;
    },
    departedOf(tenantId) {
      prune();
      return departedByTenant.get(tenantId) ?? new Map();
    },
    forgottenForMs(tenantId) {
      const at = forgotten.get(tenantId);
      return at === undefined ? 0 : Math.max(0, maxStalenessMs - elapsedMs(at, clock.now()));
    },
    tenantsSeen() {
      prune();
      return new Set([...byTenant.keys(), ...departedByTenant.keys(), ...forgotten.keys()]);
    },
    join(subscriber) {
      connected.add(subscriber);
      addTo(byTenant, subscriber.caller.tenantId, subscriber);
      addTo(byAgent, subscriber.caller.agentId, subscriber);
    },
    leave(subscriber) {
      if (!connected.delete(subscriber)) return;
      const { caller, appliedSeq } = subscriber;
      removeFrom(byTenant, caller.tenantId, subscriber);
      removeFrom(byAgent, caller.agentId, subscriber);
      if (subscriber.sentSeq === undefined) return;
      prune();
      const key = sidecarKey(caller);
      const before = departed.get(key);
      if (before !== undefined) forget(key, before);
      if (departed.size >= maxDeparted) makeRoom();
      const gone = { caller, appliedSeq, at: clock.now() };
      departed.set(key, gone);
      departedByTenant.set(caller.tenantId, (departedByTenant.get(caller.tenantId) ?? new Map()).set(key, gone));
    },
    prune,
  };
}

function addTo(index: Map<string, Set<Subscriber>>, key: string, subscriber: Subscriber): void {
  const found = index.get(key);
  if (found === undefined) index.set(key, new Set([subscriber]));
  else found.add(subscriber);
}

function removeFrom(index: Map<string, Set<Subscriber>>, key: string, subscriber: Subscriber): void {
  const found = index.get(key);
  found?.delete(subscriber);
  if (found?.size === 0) index.delete(key);
}
