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
  /** By sidecar: where those stand that left less than max_staleness ago. */
  departedOf(tenantId: string): ReadonlyMap<string, Departed>;
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

const maxDeparted = 20_000;

export function createRoster({ clock, maxStalenessMs }: { readonly clock: Clock; readonly maxStalenessMs: number }): Roster {
  const connected = new Set<Subscriber>();
  const byTenant = new Map<string, Set<Subscriber>>();
  const byAgent = new Map<string, Set<Subscriber>>();
  const departed = new Map<string, Departed>();

  const prune = () => {
    const now = clock.now();
    // Insertion order is time order.
    for (const [key, { at }] of departed) {
      if (departed.size <= maxDeparted && elapsedMs(at, now) < maxStalenessMs) return;
      departed.delete(key);
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
    departedOf(tenantId) {
      prune();
      return new Map([...departed].filter(([, { caller }]) => caller.tenantId === tenantId));
    },
    tenantsSeen() {
      prune();
      return new Set([...byTenant.keys(), ...[...departed.values()].map(({ caller }) => caller.tenantId)]);
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
      const key = sidecarKey(caller);
      departed.delete(key);
      departed.set(key, { caller, appliedSeq, at: clock.now() });
      prune();
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
