import { type BrokerRig, bytes, grantDraft } from './broker-rig.suite.ts';

/** Each change of a parent, and what it does to the leases below it. */

/** What was lent: by tenant `one` to an agent, or by tenant `two`. */
export type Name = 'agent/api' | 'agent/more' | 'other/api' | 'two/api';

export interface Cascade {
  readonly name: string;
  readonly act: (rig: BrokerRig) => Promise<unknown>;
  readonly dies: readonly Name[];
  readonly scope: string;
  readonly reason: string;
  /** What asking for a new lease is answered with; undefined when a new one is lent. */
  readonly afterwards?: string;
  /** Gives it back. */
  readonly resume?: (rig: BrokerRig) => Promise<unknown>;
}

export const everything: readonly Name[] = ['agent/api', 'agent/more', 'other/api', 'two/api'];
const ofOne = everything.slice(0, 3);
const ofAgent = everything.slice(0, 2);
const ofApi: readonly Name[] = ['agent/api', 'other/api'];
const credential = (to: 'active' | 'suspended' | 'deleted') => (rig: BrokerRig) =>
  rig.admin.setCredentialStatus(rig.root, 'one', 'api', to);
const agent = (to: 'active' | 'suspended' | 'deleted') => (rig: BrokerRig) => rig.admin.setAgentStatus(rig.root, 'one', 'agent', to);
const tenant =
  (...[to, ...names]: ['active' | 'suspended', ...string[]]) =>
  async (rig: BrokerRig) => {
    for (const name of names) await rig.admin.setTenantStatus(rig.root, name, to);
  };

export const cascades: readonly Cascade[] = [
  {
    name: 'a grant that is withdrawn',
    act: (rig) => rig.admin.revokeGrant(rig.root, 'one', { agent: 'agent', credential: 'api' }),
    ...{ dies: ['agent/api'], scope: 'grant', reason: 'revoked', afterwards: 'no_grant' },
    resume: (rig) => rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api')),
  },
  {
    name: 'a grant that is narrowed',
    act: (rig) => rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api', { ttlMs: 1_000 })),
    ...{ dies: ['agent/api'], scope: 'grant', reason: 'narrowed' },
  },
  {
    name: 'a credential that is suspended',
    ...{ act: credential('suspended'), resume: credential('active') },
    ...{ dies: ofApi, scope: 'credential', reason: 'suspended', afterwards: 'credential_suspended' },
  },
  {
    name: 'a credential that is deleted',
    ...{ act: credential('deleted'), dies: ofApi, scope: 'credential', reason: 'deleted', afterwards: 'no_grant' },
  },
  {
    name: 'a credential that is rotated',
    act: (rig) => rig.admin.rotateCredential(rig.root, 'one', 'api', bytes('sk-second-00')),
    ...{ dies: ofApi, scope: 'credential', reason: 'rotated' },
  },
  {
    name: 'an agent that is suspended',
    ...{ act: agent('suspended'), resume: agent('active') },
    ...{ dies: ofAgent, scope: 'agent', reason: 'suspended', afterwards: 'agent_suspended' },
  },
  {
    name: 'an agent that is deleted',
    ...{ act: agent('deleted'), dies: ofAgent, scope: 'agent', reason: 'deleted', afterwards: 'identity_invalid' },
  },
  {
    name: 'an agent whose token is rotated',
    act: (rig) => rig.admin.rotateAgentToken(rig.root, 'one', 'agent'),
    ...{ dies: ofAgent, scope: 'agent', reason: 'token_rotated', afterwards: 'identity_invalid' },
  },
  {
    name: 'a tenant that is suspended',
    ...{ act: tenant('suspended', 'one'), resume: tenant('active', 'one') },
    ...{ dies: ofOne, scope: 'tenant', reason: 'suspended', afterwards: 'tenant_suspended' },
  },
  {
    name: 'an agent that is killed',
    act: (rig) => rig.admin.killAgent(rig.root, 'one', 'agent'),
    ...{ dies: ofAgent, scope: 'agent', reason: 'killed', afterwards: 'agent_suspended', resume: agent('active') },
  },
  {
    name: 'a tenant that is killed',
    act: (rig) => rig.admin.killTenant(rig.root, 'one'),
    ...{ dies: ofOne, scope: 'tenant', reason: 'killed', afterwards: 'tenant_suspended', resume: tenant('active', 'one') },
  },
  {
    name: 'everything that is killed',
    act: (rig) => rig.admin.killAll(rig.root),
    ...{ dies: everything, scope: 'tenant', reason: 'killed', afterwards: 'tenant_suspended', resume: tenant('active', 'one', 'two') },
  },
];
