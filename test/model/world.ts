import type { MemoryStore } from '../../packages/broker/src/adapters/memory/memory-store.ts';
import { createAdministration } from '../../packages/broker/src/app/administration.ts';
import { bytes, createRig, draft, grantDraft } from '../../packages/broker/src/app/broker-rig.suite.ts';
import type { Operator } from '../../packages/broker/src/domain/operator.ts';
import type { AdminUseCases } from '../../packages/broker/src/ports/use-cases.ts';
import { seededRandom } from '../harness/seeded-random.ts';
import { createDatabase, type Database } from './database.ts';
import { createLink, type Link } from './link.ts';
import { createOracle, type Oracle } from './oracle.ts';
import { type Replica, startReplica } from './replica.ts';
import { type Sidecar, startSidecar } from './sidecar.ts';
import { createVirtualTime, type VirtualTime } from './virtual-time.ts';

export const maxStalenessMs = 3_000;
export const streamGraceMs = 2_000;
const leaseTtlMs = 9_000;
/** A wall clock that was stepped is noticed this late: what is used is judged at once, what is held a moment later. */
const wipeMs = 1_000;

export const agents = ['one', 'two'] as const;
export const credentials = ['api', 'more'] as const;
type MemoryState = ReturnType<MemoryStore['snapshot']>;

/** What every run begins with: made once. */
export interface Begin {
  readonly state: MemoryState;
  readonly tenantId: string;
  readonly agentIds: readonly string[];
  readonly credentialIds: readonly string[];
  readonly root: Operator;
}

/** A tenant with two agents that may lease two credentials each, by the product's own use cases. */
export async function makeBegin(): Promise<Begin> {
  let snapshot = (): MemoryState => {
    throw new Error('there is no store');
  };
  const { admin, root } = createRig((store) => {
    snapshot = () => store.snapshot();
    return store;
  });
  const { id: tenantId } = await admin.addTenant(root, 'one');
  const agentIds: string[] = [];
  const credentialIds: string[] = [];
  for (const name of credentials) credentialIds.push((await admin.addCredential(root, 'one', draft(name), bytes(`sk-${name}-0000`))).id);
  for (const name of agents) {
    agentIds.push((await admin.addAgent(root, 'one', name)).agent.id);
    for (const each of credentials) await admin.putGrant(root, 'one', grantDraft(name, each, { ttlMs: leaseTtlMs }));
  }
  return { state: snapshot(), tenantId, agentIds, credentialIds, root };
}

export interface World {
  readonly time: VirtualTime;
  readonly oracle: Oracle;
  readonly database: Database;
  readonly admin: AdminUseCases;
  readonly root: Operator;
  readonly begin: Begin;
  readonly replicas: readonly Replica[];
  readonly sidecars: readonly Sidecar[];
  /** By sidecar, then by replica. */
  readonly links: readonly (readonly Link[])[];
  readonly usage: Record<'refused' | 'cut', number>;
  /** How long a message takes at most, ms. */
  latencyMs: number;
  /** Whether wake-ups after a commit are lost. */
  isDeaf: boolean;
  restartReplica(index: number, isGraceful: boolean): Promise<void>;
  restartSidecar(index: number): Promise<void>;
  /** Throws when a promise is broken. */
  check(): void;
  end(): void;
}

export async function createWorld(begin: Begin, seed: number): Promise<World> {
  const time = createVirtualTime();
  const random = seededRandom(seed);
  const oracle = createOracle({ time, maxStalenessMs, streamGraceMs });
  const database = createDatabase({ time, oracle, begin: begin.state });
  let ids = 0x1000;
  const randomBytes = (count: number) => {
    ids += 1;
    const made = new Uint8Array(count);
    new DataView(made.buffer).setUint32(count - 4, ids);
    return made;
  };
  const delayMs = () => Math.floor(random() * (world.latencyMs + 1));
  const unused = () => {
    throw new Error('the model does not use this');
  };
  const admin = createAdministration({
    store: database.store,
    ledger: database.store.ledger,
    signal: {
      notify: () => {
        if (!world.isDeaf) for (const replica of replicas) replica.wake();
      },
      subscribe: unused,
    },
    vault: {
      seal: async (address, value) => ({ ...address, dekId: '', nonce: new Uint8Array(12), ciphertext: Uint8Array.from(value) }),
      open: unused,
    },
    watchers: { connected: () => [], confirmations: unused, confirmationsOfAll: unused },
    randomBytes,
    mintToken: unused,
    hashToken: unused,
    sha256: unused,
    auditMac: unused,
    version: 'model',
  });
  const replicas: Replica[] = [];
  const sidecars: Sidecar[] = [];
  const links: Link[][] = [];
  const startsReplica = (name: string) => startReplica({ name, time, database, delayMs, randomBytes, maxStalenessMs });
  const outOfStepSince = new WeakMap<Sidecar, number>();
  let starts = 0;
  const startsSidecar = async (index: number): Promise<void> => {
    starts += 1;
    const name = `sidecar-${starts}`;
    const machine = time.machine(name);
    links[index] = replicas.map((_, of) => createLink({ time, sidecar: machine, replica: () => at(replicas, of), delayMs }));
    const claims = {
      tenantId: begin.tenantId,
      agentId: at(begin.agentIds, index),
      tokenVersion: 1,
      instanceId: name,
      instanceName: name,
      expiresAt: Number.MAX_SAFE_INTEGER,
    };
    sidecars[index] = await startSidecar({
      name,
      machine,
      claims,
      links: at(links, index),
      random,
      oracle,
      streamGraceMs,
      usage: world.usage,
    });
  };
  const cutAll = (of: (sidecar: number, replica: number) => boolean) => {
    for (const [sidecar, each] of links.entries())
      for (const [replica, link] of each.entries()) if (of(sidecar, replica)) link.cut({ sidecar: true, replica: true });
  };

  const world: World = {
    time,
    oracle,
    database,
    admin,
    root: begin.root,
    begin,
    replicas,
    sidecars,
    links,
    usage: { refused: 0, cut: 0 },
    latencyMs: 5,
    isDeaf: false,
    async restartReplica(index, isGraceful) {
      await at(replicas, index).stop(isGraceful);
      cutAll((_, replica) => replica === index);
      replicas[index] = await startsReplica(`replica-${index}`);
    },
    async restartSidecar(index) {
      at(sidecars, index).stop();
      cutAll((sidecar) => sidecar === index);
      await startsSidecar(index);
    },
    check() {
      if (oracle.broken !== undefined) throw oracle.broken;
      for (const sidecar of sidecars) {
        if (sidecar.isInStep || sidecar.machine.isStopped) outOfStepSince.delete(sidecar);
        else if (!outOfStepSince.has(sidecar)) outOfStepSince.set(sidecar, time.now);
        else if (time.now > (outOfStepSince.get(sidecar) ?? 0) + wipeMs && sidecar.held().length > 0)
          throw new Error(`at ${time.now} ms: ${sidecar.machine.name} is out of step, and holds values`);
      }
    },
    end: () => time.end(),
  };
  for (const name of ['replica-0', 'replica-1']) replicas.push(await startsReplica(name));
  for (const index of begin.agentIds.keys()) await startsSidecar(index);
  // In step, with everything quiet: trouble begins from there.
  await time.pass(100);
  return world;
}

export function at<T>(items: readonly T[], index: number): T {
  const found = items[index % items.length];
  if (found === undefined) throw new Error('there is none');
  return found;
}
