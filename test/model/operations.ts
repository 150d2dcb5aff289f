import { agents, at, credentials, type World } from './world.ts';

/** What operators do: `who` is an agent, `what` a credential. What is not there, or off already, is no matter. */
export async function operate(world: World, { operation, who, what }: Operation): Promise<void> {
  await operations[operation](world, who, what).catch(() => undefined);
}

export interface Operation {
  readonly operation: OperationName;
  readonly who: number;
  readonly what: number;
}

const operations = {
  suspend: ({ admin, root }, _, what) => admin.setCredentialStatus(root, 'one', at(credentials, what), 'suspended'),
  resume: ({ admin, root }, _, what) => admin.setCredentialStatus(root, 'one', at(credentials, what), 'active'),
  rotate: ({ admin, root }, _, what) =>
    admin.rotateCredential(root, 'one', at(credentials, what), new TextEncoder().encode('sk-another-00')),
  narrow: ({ admin, root }, who, what) => admin.putGrant(root, 'one', grantOf(who, what, 4_000)),
  grant: ({ admin, root }, who, what) => admin.putGrant(root, 'one', grantOf(who, what, 9_000)),
  withdraw: ({ admin, root }, who, what) => admin.revokeGrant(root, 'one', { agent: at(agents, who), credential: at(credentials, what) }),
  suspendAgent: ({ admin, root }, who) => admin.setAgentStatus(root, 'one', at(agents, who), 'suspended'),
  resumeAgent: ({ admin, root }, who) => admin.setAgentStatus(root, 'one', at(agents, who), 'active'),
  killAgent: ({ admin, root }, who) => admin.killAgent(root, 'one', at(agents, who)),
  killTenant: ({ admin, root }) => admin.killTenant(root, 'one'),
  killAll: ({ admin, root }) => admin.killAll(root),
  revokeLease: async ({ admin, root }) => {
    const { items } = await admin.listLeases(root, 'one', { limit: 10, after: undefined }, true);
    for (const { lease } of items.slice(0, 1)) await admin.revokeLease(root, 'one', lease.id);
  },
} satisfies Record<string, (world: World, who: number, what: number) => Promise<unknown>>;

export type OperationName = keyof typeof operations;
export const operationNames: readonly OperationName[] = [
  'suspend',
  'resume',
  'rotate',
  'narrow',
  'grant',
  'withdraw',
  'suspendAgent',
  'resumeAgent',
  'killAgent',
  'killTenant',
  'killAll',
  'revokeLease',
];

function grantOf(who: number, what: number, ttlMs: number) {
  const limits = { methods: [], pathPrefixes: [], ratePerMinute: undefined };
  return { agent: at(agents, who), credential: at(credentials, what), ttlMs, notAfter: undefined, limits };
}

/** Everything may be lent again. */
export async function giveBack(world: World): Promise<void> {
  const { admin, root } = world;
  await admin.setTenantStatus(root, 'one', 'active');
  for (const who of agents.keys()) {
    await admin.setAgentStatus(root, 'one', at(agents, who), 'active');
    for (const what of credentials.keys()) await admin.putGrant(root, 'one', grantOf(who, what, 9_000));
  }
  for (const each of credentials) await admin.setCredentialStatus(root, 'one', each, 'active');
}
