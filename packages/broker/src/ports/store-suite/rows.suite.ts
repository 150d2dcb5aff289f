import type { Agent } from '../../domain/agent.ts';
import type { NewAuditEvent } from '../../domain/audit-event.ts';
import type { Credential, SealedValue } from '../../domain/credential.ts';
import type { WrappedDek } from '../../domain/dek.ts';
import type { Grant } from '../../domain/grant.ts';
import type { Lease } from '../../domain/lease.ts';
import type { Tenant } from '../../domain/tenant.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(new TextEncoder().encode(text));

/** Rows with every column filled, so that a column which is not kept shows. Names are the ids unless said otherwise. */
export const row = {
  tenant: (id: string, more: Partial<Tenant> = {}): Tenant => ({
    id,
    name: id,
    status: 'active',
    agentsDiscoverNames: false,
    cutSeq: 0,
    createdAt: 1,
    ...more,
  }),
  agent: (id: string, tenantId = 't1', more: Partial<Agent> = {}): Agent => ({
    id,
    tenantId,
    name: id,
    status: 'active',
    tokenHash: bytes(`hash of ${id}`),
    tokenVersion: 1,
    cutSeq: 0,
    createdAt: 1,
    ...more,
  }),
  credential: (id: string, tenantId = 't1', more: Partial<Credential> = {}): Credential => ({
    id,
    tenantId,
    name: id,
    type: 'api_key',
    status: 'active',
    version: 1,
    destinations: [
      {
        scheme: 'https',
        hostPattern: 'api.example.com',
        port: 443,
        methods: ['GET'],
        pathPrefixes: ['/v1'],
        caPem: undefined,
        privateCidrs: [],
        body: undefined,
      },
      {
        scheme: 'http',
        hostPattern: '*.example.com',
        port: 8080,
        methods: [],
        pathPrefixes: [],
        caPem: 'a certificate',
        privateCidrs: ['10.0.0.0/8'],
        body: 'json',
      },
    ],
    injection: { kind: 'header', name: 'authorization', template: 'Bearer {value}' },
    placeholder: 'sk-placeholder',
    environment: [{ name: 'API_KEY', value: '{placeholder}' }],
    service: 'example',
    maxTtlMs: 60_000,
    cutSeq: 0,
    createdAt: 1,
    updatedAt: 2,
    ...more,
  }),
  grant: (id: string, agentId: string, credentialId: string, tenantId = 't1', more: Partial<Grant> = {}): Grant => ({
    id,
    tenantId,
    agentId,
    credentialId,
    status: 'active',
    ttlMs: 60_000,
    notAfter: 9_000,
    limits: { methods: ['GET'], pathPrefixes: ['/v1'], ratePerMinute: 60 },
    cutSeq: 0,
    createdAt: 1,
    ...more,
  }),
  lease: (id: string, more: Partial<Lease> = {}): Lease => ({
    id,
    tenantId: 't1',
    agentId: 'a1',
    credentialId: 'c1',
    grantId: 'g1',
    version: 1,
    issuedAtSeq: 0,
    issuedAt: 1_000,
    expiresAt: 2_000,
    renewals: 0,
    ended: undefined,
    ...more,
  }),
  value: (version: number, credentialId = 'c1'): SealedValue => ({
    tenantId: 't1',
    credentialId,
    version,
    dekId: 'd1',
    nonce: bytes(`nonce ${version}`),
    ciphertext: bytes(`ciphertext ${version}`),
  }),
  dek: (id: string, generation: number, tenantId = 't1'): WrappedDek => ({
    id,
    tenantId,
    generation,
    kekId: 'local:1',
    wrapped: bytes(`wrapped ${id}`),
    encryptions: 0,
    createdAt: 1,
  }),
  event: (leaseId = 'l1'): NewAuditEvent => ({
    actor: { kind: 'agent', id: 'a1' },
    action: 'lease.released',
    outcome: 'allowed',
    agentId: 'a1',
    leaseId,
    detail: { zulu: 2, alpha: 'one' },
  }),
} as const;
