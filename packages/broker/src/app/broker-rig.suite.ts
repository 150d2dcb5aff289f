import { createHash } from 'node:crypto';
import { createMemoryStore, type MemoryStore, type MemoryStoreOptions } from '../adapters/memory/memory-store.ts';
import type { Operator } from '../domain/operator.ts';
import type { Store } from '../ports/store.ts';
import type { AdminUseCases, CredentialDraft, GrantDraft, LendingUseCases, SessionClaims } from '../ports/use-cases.ts';
import { createAdministration } from './administration.ts';
import { createLending } from './lending.ts';

/** For tests: the use cases on the store in memory, with a clock to turn and ids that count up. */
export interface BrokerRig {
  readonly clock: { now: number };
  readonly store: Store;
  readonly admin: AdminUseCases;
  readonly lending: LendingUseCases;
  readonly root: Operator;
  /** How often watchers were woken up. */
  readonly wakeUps: () => number;
  /** A session of an agent of this tenant, made with both if they are not there. */
  session(tenant?: string, agent?: string): Promise<SessionClaims>;
}

export const draft = (name: string, more: Partial<CredentialDraft> = {}): CredentialDraft => ({
  name,
  type: 'api_key',
  destinations: [
    {
      scheme: 'https',
      hostPattern: 'api.example.com',
      port: 443,
      methods: [],
      pathPrefixes: [],
      caPem: undefined,
      privateCidrs: [],
      body: undefined,
    },
  ],
  injection: { kind: 'query', name: 'key' },
  placeholder: undefined,
  environment: [],
  service: undefined,
  maxTtlMs: 3_600_000,
  ...more,
});

export const grantDraft = (agent: string, credential: string, more: Partial<GrantDraft> = {}): GrantDraft => ({
  agent,
  credential,
  ttlMs: 300_000,
  notAfter: undefined,
  limits: { methods: [], pathPrefixes: [], ratePerMinute: undefined },
  ...more,
});

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (value: Uint8Array): string => new TextDecoder().decode(value);
const sha256 = (input: Uint8Array): Uint8Array => createHash('sha256').update(input).digest();
const hashToken = (token: string): Uint8Array => sha256(bytes(token));

export function createRig(wrapStore: (store: MemoryStore, options: MemoryStoreOptions) => Store = (store) => store): BrokerRig {
  const clock = { now: 1_000_000 };
  let ids = 0;
  let wakeUps = 0;
  const randomBytes = (count: number) => {
    ids += 1;
    const made = new Uint8Array(count);
    new DataView(made.buffer).setUint32(count - 4, ids);
    return made;
  };
  const mintToken = (kind: 'agent' | 'operator') => {
    const token = `${kind}-${Buffer.from(randomBytes(8)).toString('hex')}`;
    return { token, hash: hashToken(token) };
  };
  const auditMac = (tenantId: string, seq: number, hash: Uint8Array) =>
    sha256(bytes(`${tenantId} ${seq} ${Buffer.from(hash).toString('hex')}`));
  const options = { epoch: 'epoch-1', now: () => clock.now, auditMac };
  const store = wrapStore(createMemoryStore(options), options);
  const vault = {
    seal: async (address: { tenantId: string; credentialId: string; version: number }, value: Uint8Array) => ({
      ...address,
      dekId: 'dek',
      nonce: new Uint8Array(12),
      ciphertext: Uint8Array.from(value),
    }),
    open: async ({ ciphertext }: { ciphertext: Uint8Array }) => Uint8Array.from(ciphertext),
  };
  const signal = {
    notify: () => {
      wakeUps += 1;
    },
    subscribe: () => {},
  };
  const root: Operator = { id: 'opr_root', name: 'root', tenantId: undefined, tokenHash: new Uint8Array(32), createdAt: 0 };
  const sessionTokens = {
    sign: (claims: Omit<SessionClaims, 'expiresAt'>) => ({
      token: JSON.stringify({ ...claims, expiresAt: clock.now + 60_000 }),
      expiresInMs: 60_000,
    }),
    verify: (token: string): SessionClaims => JSON.parse(token),
  };
  const agentTokens = {
    authenticate: async (token: string) => {
      const found = await store.directory.agentByTokenHash(hashToken(token));
      if (found === undefined) throw new Error('unknown token');
      const { tenant, agent } = found;
      return { tenantId: tenant.id, tenantName: tenant.name, agentId: agent.id, agentName: agent.name, tokenVersion: agent.tokenVersion };
    },
  };
  const watchers = { connected: () => [], confirmations: async function* () {}, confirmationsOfAll: async function* () {} };
  const lending = createLending({ store, vault, agentTokens, sessionTokens, randomBytes });
  const admin = createAdministration({
    store,
    ledger: store.ledger,
    signal,
    vault,
    watchers,
    randomBytes,
    mintToken,
    hashToken,
    sha256,
    auditMac,
    version: 'test',
  });
  return {
    clock,
    store,
    admin,
    lending,
    root,
    wakeUps: () => wakeUps,
    session: async (tenant = 'one', agent = 'agent') => {
      await admin.addTenant(root, tenant).catch(() => undefined);
      const { token } = await admin.addAgent(root, tenant, agent);
      return lending.verifySession((await lending.openSession({ agentToken: token }, { id: 'instance-1', name: 'pod' })).token);
    },
  };
}
