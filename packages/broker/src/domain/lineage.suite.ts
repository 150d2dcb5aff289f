import type { Agent } from './agent.ts';
import type { Credential } from './credential.ts';
import type { Grant } from './grant.ts';
import type { Tenant } from './tenant.ts';

/** For tests: a tenant, agent, credential and grant that are all live. */
export interface Lineage {
  readonly tenant: Tenant;
  readonly agent: Agent;
  readonly credential: Credential;
  readonly grant: Grant;
}

export function aLineage(changes: { [K in keyof Lineage]?: Partial<Lineage[K]> } = {}): Lineage {
  return {
    tenant: { id: 'ten_1', name: 'one', status: 'active', agentsDiscoverNames: false, cutSeq: 0, createdAt: 0, ...changes.tenant },
    agent: {
      id: 'agt_1',
      tenantId: 'ten_1',
      name: 'agent',
      status: 'active',
      tokenHash: new Uint8Array(32),
      tokenVersion: 1,
      cutSeq: 0,
      createdAt: 0,
      ...changes.agent,
    },
    credential: {
      id: 'crd_1',
      tenantId: 'ten_1',
      name: 'api',
      type: 'api_key',
      status: 'active',
      version: 3,
      destinations: [],
      injection: { kind: 'query', name: 'key' },
      placeholder: undefined,
      environment: [],
      service: undefined,
      maxTtlMs: 3_600_000,
      cutSeq: 0,
      createdAt: 0,
      updatedAt: 0,
      ...changes.credential,
    },
    grant: {
      id: 'grt_1',
      tenantId: 'ten_1',
      agentId: 'agt_1',
      credentialId: 'crd_1',
      status: 'active',
      ttlMs: 300_000,
      notAfter: undefined,
      limits: { methods: [], pathPrefixes: [], ratePerMinute: undefined },
      cutSeq: 0,
      createdAt: 0,
      ...changes.grant,
    },
  };
}
