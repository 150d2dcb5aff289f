import { createLending } from '../../packages/broker/src/app/lending.ts';
import { createWatchRevocations } from '../../packages/broker/src/app/watch-revocations.ts';
import type { LendingUseCases } from '../../packages/broker/src/ports/use-cases.ts';
import type { WatchHub } from '../../packages/broker/src/ports/watch-stream.ts';
import type { Database, DatabaseLink } from './database.ts';
import { createDatabaseLink } from './database.ts';
import type { Machine, VirtualTime } from './virtual-time.ts';

/** One broker of several on the same database: the product's hub and use cases. */
export interface Replica {
  readonly machine: Machine;
  readonly link: DatabaseLink;
  readonly hub: WatchHub;
  readonly lending: LendingUseCases;
  /** A wake-up after a commit, if it gets through. */
  wake(): void;
  /** Says goodbye to its streams, or does not. */
  stop(isGraceful: boolean): Promise<void>;
}

export interface ReplicaOptions {
  readonly name: string;
  readonly time: VirtualTime;
  readonly database: Database;
  readonly delayMs: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly maxStalenessMs: number;
}

export async function startReplica(options: ReplicaOptions): Promise<Replica> {
  const { time, database, delayMs, randomBytes, maxStalenessMs } = options;
  const machine = time.machine(options.name);
  const link = createDatabaseLink({ store: database.store, machine, delayMs });
  const end = new AbortController();
  let listener = (): void => {};
  const lending = createLending({
    store: link.store,
    vault: { seal: unused, open: async ({ ciphertext }) => Uint8Array.from(ciphertext) },
    agentTokens: { authenticate: unused },
    sessionTokens: { sign: unused, verify: unused },
    randomBytes,
    sealedValuesKept: 8,
  });
  const hub = await new Promise<WatchHub>((resolve, reject) => {
    const start = () =>
      resolve(
        createWatchRevocations({
          log: link.store.log,
          routesOf: lending.routesOf,
          signal: { notify: unused, subscribe: (each) => (listener = each) },
          clock: machine.clock,
          pingIntervalMs: maxStalenessMs / 3,
          maxStalenessMs,
          maxReplay: 6,
          breathe: async () => {},
          ended: end.signal,
        }),
      );
    machine.run(start).catch(reject);
  });
  return {
    machine,
    link,
    hub,
    lending,
    wake: () => machine.after(delayMs(), () => listener()),
    async stop(isGraceful) {
      if (isGraceful) await machine.run(() => end.abort());
      machine.kill();
    },
  };
}

function unused(): never {
  throw new Error('the model does not use this');
}
