import { AppError, type Revocation } from '@leasehold/core';
import { createMemoryStore, type MemoryStore } from '../../packages/broker/src/adapters/memory/memory-store.ts';
import type { Lease } from '../../packages/broker/src/domain/lease.ts';
import type { Committed, Decision, Facts, Ledger, Selection, Store } from '../../packages/broker/src/ports/store.ts';
import type { Oracle } from './oracle.ts';
import type { Machine, VirtualTime } from './virtual-time.ts';

type MemoryState = ReturnType<MemoryStore['snapshot']>;

/** The one database behind all replicas: the store in memory, watched by the oracle. */
export interface Database {
  /** As whoever is connected to it sees it, whichever life it is in. */
  readonly store: Store;
  stepWall(ms: number): void;
  backup(): void;
  /** Puts the last backup back: another life, another epoch. */
  restore(): void;
}

export function createDatabase({ time, oracle, begin }: { time: VirtualTime; oracle: Oracle; begin: MemoryState }): Database {
  let wallMs = 1_000_000_000;
  let life = 1;
  const open = (state: MemoryState): MemoryStore =>
    createMemoryStore({ epoch: `life-${life}`, now: () => wallMs + time.now, auditMac: () => new Uint8Array(0), begin: state });
  let store = open(begin);
  let saved = begin;

  function watched<T>(decide: (facts: Facts, now: number) => Decision<T>): {
    readonly decide: (facts: Facts, now: number) => Decision<T>;
    readonly committed: (done: Committed<T>) => void;
  } {
    let revocations: Decision<T>['revocations'] = [];
    let leases: readonly Lease[] = [];
    return {
      decide: (facts, now) => {
        const decision = decide(facts, now);
        revocations = decision.revocations;
        leases = decision.changes.flatMap((change) => ('put' in change && change.put === 'lease' ? [change.row] : []));
        return decision;
      },
      committed: ({ head, at }) => {
        const first = (head?.seq ?? 0) - revocations.length + 1;
        const events = revocations.map((each, index): Revocation => ({ ...each, seq: first + index }));
        for (const event of events) oracle.revoked(event);
        for (const lease of leases) oracle.lent(lease, at);
      },
    };
  }

  const ledger: Ledger = {
    commit: async <T>(selection: Selection, decide: (facts: Facts, now: number) => Decision<T>) => {
      const watch = watched(decide);
      const done = await store.ledger.commit(selection, watch.decide);
      watch.committed(done);
      return done;
    },
    commitEach: async <T>(decide: (facts: Facts, now: number) => Decision<T>) => {
      // One tenant in the model: what was decided last is all that was decided.
      const watch = watched(decide);
      const done = await store.ledger.commitEach(watch.decide);
      for (const each of done.committed) watch.committed(each);
      return done;
    },
    sweepExpired: (limit) => store.ledger.sweepExpired(limit),
  };

  return {
    store: {
      ledger,
      get log() {
        return store.log;
      },
      get directory() {
        return store.directory;
      },
      get listings() {
        return store.listings;
      },
      get keys() {
        return store.keys;
      },
      get audit() {
        return store.audit;
      },
      get announced() {
        return store.announced;
      },
      check: () => store.check(),
      close: () => store.close(),
    },
    stepWall: (ms) => {
      wallMs += ms;
    },
    backup: () => {
      saved = store.snapshot();
    },
    restore: () => {
      life += 1;
      store = open(saved);
      oracle.restored();
    },
  };
}

/** A replica's way to the database, which can be slow, cut off, or silent. */
export interface DatabaseLink {
  readonly store: Store;
  set(state: 'up' | 'down' | 'silent'): void;
  /** Answers are on their way, but do not arrive until the link is up. */
  holdAnswers(): void;
}

export function createDatabaseLink(options: { store: Store; machine: Machine; delayMs: () => number }): DatabaseLink {
  const { store, machine, delayMs } = options;
  let state: 'up' | 'down' | 'silent' = 'up';
  let isHolding = false;
  let waiting: (() => void)[] = [];

  /** One way, there or back. */
  async function travel(isBack: boolean): Promise<void> {
    if (state === 'silent' || (isBack && isHolding)) await new Promise<void>((resolve) => waiting.push(resolve));
    if (state === 'down') throw new AppError('store_unavailable', 'The database does not answer.');
    await new Promise<void>((resolve) => machine.after(delayMs(), resolve));
  }

  async function ask<T>(work: () => Promise<T>): Promise<T> {
    await travel(false);
    const outcome = await work().then(
      (value) => ({ value }),
      (thrown: unknown) => ({ thrown }),
    );
    await travel(true);
    if ('thrown' in outcome) throw outcome.thrown;
    return outcome.value;
  }

  return {
    store: {
      ...store,
      ledger: {
        commit: (selection, decide) => ask(() => store.ledger.commit(selection, decide)),
        commitEach: (decide) => ask(() => store.ledger.commitEach(decide)),
        sweepExpired: (limit) => ask(() => store.ledger.sweepExpired(limit)),
      },
      log: {
        heads: (ids) => ask(() => store.log.heads(ids)),
        after: (tenantId, after, limit) => ask(() => store.log.after(tenantId, after, limit)),
        revision: () => ask(() => store.log.revision()),
        agentsChangedAfter: (revision) => ask(() => store.log.agentsChangedAfter(revision)),
      },
      directory: {
        agentByTokenHash: (hash) => ask(() => store.directory.agentByTokenHash(hash)),
        operatorByTokenHash: (hash) => ask(() => store.directory.operatorByTokenHash(hash)),
        find: (selection) => ask(() => store.directory.find(selection)),
        lineageOf: (agentId) => ask(() => store.directory.lineageOf(agentId)),
        sealedValue: (credentialId, version) => ask(() => store.directory.sealedValue(credentialId, version)),
      },
    },
    set(next) {
      state = next;
      if (next === 'silent') return;
      isHolding = false;
      const freed = waiting;
      waiting = [];
      // Each goes on as the replica, in its own turn.
      for (const free of freed) machine.after(0, free);
    },
    holdAnswers: () => {
      isHolding = true;
    },
  };
}
