import type { AdminClient, RevocationResource } from '@leasehold/contract/admin';
import { AppError } from '@leasehold/core';
import type { DeathBook } from './death-book.ts';
import { tenant } from './stage.ts';
import { secretOf } from './witness.ts';

/** Kills and revives what is lent, as operators do, and writes down when it died. */
export interface Operator {
  /** Stores a credential that all agents are granted. */
  lend(credential: string): Promise<void>;
  /** Kills the credential's present value in one of several ways; a moment later another value lives. */
  strike(credential: string, random: () => number): Promise<void>;
  /** Suspends or kills an agent, and with it all that it holds; a moment later it may borrow again, other values. */
  strikeAgent(agent: string, random: () => number): Promise<void>;
}

export interface OperatorOptions {
  readonly admin: () => AdminClient;
  readonly agents: readonly string[];
  readonly vendor: { readonly url: string; readonly caPem: string };
  readonly book: DeathBook;
  readonly ended: AbortSignal;
}

type Revocation = RevocationResource | null;

const retryMs = 25;
const maxRestMs = 400;

export function createOperator({ admin, agents, vendor, book, ended }: OperatorOptions): Operator {
  const versions = new Map<string, number>();
  const turns = new Map<string, Promise<void>>();

  /** The broker may be gone, or frozen: an operator asks until there is an answer. The first attempt may have been committed all the same. */
  async function insist<T>(ask: (client: AdminClient) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask(admin());
      } catch (thrown) {
        const { code } = AppError.from(thrown);
        if (ended.aborted || (code !== 'broker_unreachable' && code !== 'store_unavailable')) throw thrown;
        await pause(retryMs);
      }
    }
  }

  function present(credential: string): number {
    return versions.get(credential) ?? 0;
  }

  /** Writes down a death, and who says that it was heeded. */
  function noteDeath(revocation: Revocation, values: readonly (readonly [credential: string, version: number])[], agent?: string): void {
    for (const [credential, version] of values) book.died(credential, version, agent, commitOf(revocation));
    if (revocation === null) return;
    followConfirmations(revocation, (instance, atMs) => {
      // The others have heard of it, and go on.
      if (agent !== undefined && instance !== agent) return;
      for (const [credential, version] of values) book.confirmed(credential, version, instance, atMs);
    }).catch(() => undefined); // The broker may be killed meanwhile; what was said before holds.
  }

  async function followConfirmations(revocation: RevocationResource, on: (instance: string, atMs: number) => void): Promise<void> {
    for await (const { confirmed } of admin().confirmations(tenant, revocation))
      for (const { instance, after_ms } of confirmed) on(instance, Date.parse(revocation.committed_at) + after_ms);
  }

  /** An earlier attempt's commit, of which no answer came, can't be later than now. */
  function commitOf(revocation: Revocation): number {
    return revocation === null ? Date.now() : Date.parse(revocation.committed_at);
  }

  async function rotate(credential: string): Promise<void> {
    book.allow(credential, present(credential) + 1);
    await rotateUnseen(credential);
  }

  async function rotateUnseen(credential: string): Promise<void> {
    const version = present(credential);
    const next = version + 1;
    const value = Buffer.from(secretOf(credential, next)).toString('base64');
    const { revocation } = await insist((client) => client.rotateCredential(tenant, credential, value));
    noteDeath(revocation, [[credential, version]]);
    versions.set(credential, next);
  }

  const ways: readonly ((credential: string, random: () => number) => Promise<void>)[] = [
    async function suspendCredential(credential, random) {
      const { revocation } = await insist((client) => client.changeCredential(tenant, credential, 'suspend'));
      noteDeath(revocation, [[credential, present(credential)]]);
      await pause(maxRestMs * random());
      // The same value again could not be told from one that should be dead.
      await rotateUnseen(credential);
      book.allow(credential, present(credential));
      await insist((client) => client.changeCredential(tenant, credential, 'resume'));
    },
    rotate,
    async function withdrawGrant(credential, random) {
      const agent = agents[Math.floor(random() * agents.length)] ?? '';
      const { revocation } = await insist(async (client) => {
        try {
          return await client.revokeGrant(tenant, { agent, credential });
        } catch (thrown) {
          // An attempt before this one was committed, and its answer was lost.
          if (AppError.from(thrown).code === 'not_found') return { revocation: null };
          throw thrown;
        }
      });
      noteDeath(revocation, [[credential, present(credential)]], agent);
      await pause(maxRestMs * random());
      await rotate(credential);
      await insist((client) => client.putGrant(tenant, { agent, credential }));
    },
  ];

  /** One at a time for each credential: which value is the present one must be known. */
  function inTurn(credential: string, act: () => Promise<void>): Promise<void> {
    const turn = (turns.get(credential) ?? Promise.resolve()).then(act);
    turns.set(credential, turn);
    return turn;
  }

  return {
    async lend(credential) {
      versions.set(credential, 1);
      book.allow(credential, 1);
      await admin().addCredential(tenant, {
        name: credential,
        destinations: [{ url: vendor.url, path_prefixes: [`/${credential}`], ca_pem: vendor.caPem, private_cidrs: ['127.0.0.0/8'] }],
        injection: { kind: 'header', name: 'authorization', template: 'Bearer {value}' },
        value: Buffer.from(secretOf(credential, 1)).toString('base64'),
      });
      for (const agent of agents) await admin().putGrant(tenant, { agent, credential });
    },
    strike(credential, random) {
      const way = ways[Math.floor(random() * ways.length)] ?? rotate;
      return inTurn(credential, () => way(credential, random));
    },
    async strikeAgent(agent, random) {
      const held = [...versions];
      const isKill = random() < 0.5;
      const { revocation } = await insist((client) =>
        isKill ? client.killAgent(tenant, agent) : client.changeAgent(tenant, agent, 'suspend'),
      );
      noteDeath(revocation, held, agent);
      await pause(maxRestMs * random());
      await Promise.all(held.map(([credential]) => inTurn(credential, () => rotate(credential))));
      await insist((client) => client.changeAgent(tenant, agent, 'resume'));
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
