import { bodyForms, placeholderPlaces } from '@leasehold/core';
import * as v from 'valibot';

/**
 * The documented shapes: what the admin API answers and `--json` prints. snake_case, RFC 3339 times, never a value.
 * Fields that are not known here are passed over: a newer broker may add some.
 */

const time: v.StringSchema<undefined> = v.string();
const maybeTime = v.nullable(time);
const strings = v.array(v.string());

export const tenantSchema = v.object({
  id: v.string(),
  name: v.string(),
  status: v.picklist(['active', 'suspended']),
  agents_discover_names: v.boolean(),
  created_at: time,
});
export type TenantResource = v.InferOutput<typeof tenantSchema>;

export const agentSchema = v.object({
  id: v.string(),
  name: v.string(),
  status: v.picklist(['active', 'suspended', 'deleted']),
  token_version: v.number(),
  created_at: time,
});
export type AgentResource = v.InferOutput<typeof agentSchema>;

export const operatorSchema = v.object({ id: v.string(), name: v.string(), tenant_id: v.nullable(v.string()), created_at: time });
export type OperatorResource = v.InferOutput<typeof operatorSchema>;

export const destinationSchema = v.object({
  scheme: v.picklist(['https', 'http']),
  host: v.string(),
  port: v.number(),
  methods: strings,
  path_prefixes: strings,
  ca_pem: v.nullable(v.string()),
  private_cidrs: strings,
  body: v.nullable(v.picklist(bodyForms)),
});
export type DestinationResource = v.InferOutput<typeof destinationSchema>;

export const injectionSchema = v.variant('kind', [
  v.object({ kind: v.literal('header'), name: v.string(), template: v.string() }),
  v.object({ kind: v.literal('basic'), username: v.string() }),
  v.object({ kind: v.literal('query'), name: v.string() }),
  v.object({ kind: v.literal('path'), template: v.string() }),
  v.object({ kind: v.literal('placeholder'), in: v.array(v.picklist(placeholderPlaces)) }),
]);
export type InjectionResource = v.InferOutput<typeof injectionSchema>;

export const credentialTypeSchema = v.picklist(['api_key', 'oauth_token', 'db_password', 'service_account', 'basic']);

export const credentialSchema = v.object({
  id: v.string(),
  name: v.string(),
  type: credentialTypeSchema,
  status: v.picklist(['active', 'suspended', 'deleted']),
  version: v.number(),
  destinations: v.array(destinationSchema),
  injection: injectionSchema,
  placeholder: v.nullable(v.string()),
  environment: v.array(v.object({ name: v.string(), value: v.string() })),
  service: v.nullable(v.string()),
  max_ttl_ms: v.number(),
  created_at: time,
  updated_at: time,
});
export type CredentialResource = v.InferOutput<typeof credentialSchema>;

export const grantSchema = v.object({
  id: v.string(),
  agent: v.string(),
  agent_id: v.string(),
  credential: v.string(),
  credential_id: v.string(),
  status: v.picklist(['active', 'revoked']),
  ttl_ms: v.number(),
  not_after: maybeTime,
  methods: strings,
  path_prefixes: strings,
  rate_per_minute: v.nullable(v.number()),
  created_at: time,
});
export type GrantResource = v.InferOutput<typeof grantSchema>;

/** One agent's way to one credential: what its sidecars are told. */
export const routeSchema = v.object({
  credential: v.string(),
  credential_id: v.string(),
  grant_id: v.string(),
  version: v.number(),
  status: v.picklist(['active', 'credential_suspended', 'agent_suspended', 'tenant_suspended', 'grant_expired']),
  destinations: v.array(destinationSchema),
  injection: injectionSchema,
  placeholder: v.nullable(v.string()),
  methods: strings,
  path_prefixes: strings,
  rate_per_minute: v.nullable(v.number()),
});
export type RouteResource = v.InferOutput<typeof routeSchema>;

export const leaseSchema = v.object({
  id: v.string(),
  agent: v.string(),
  credential: v.string(),
  grant_id: v.string(),
  version: v.number(),
  status: v.picklist(['active', 'expired', 'revoked', 'released']),
  issued_at: time,
  expires_at: time,
  renewals: v.number(),
});
export type LeaseResource = v.InferOutput<typeof leaseSchema>;

export const auditRowSchema = v.object({
  seq: v.number(),
  at: time,
  actor: v.object({ kind: v.picklist(['agent', 'operator', 'system']), id: v.string() }),
  action: v.string(),
  outcome: v.picklist(['allowed', 'denied']),
  reason: v.nullable(v.string()),
  agent_id: v.nullable(v.string()),
  credential_id: v.nullable(v.string()),
  grant_id: v.nullable(v.string()),
  lease_id: v.nullable(v.string()),
  detail: v.record(v.string(), v.union([v.string(), v.number()])),
  /** Lower-case hex. */
  hash: v.string(),
});
export type AuditRowResource = v.InferOutput<typeof auditRowSchema>;

/** A step on the way through a trail, and at the end the verdict. */
export const auditVerificationSchema = v.union([
  v.object({ done: v.literal(false), rows: v.number(), of: v.number() }),
  v.object({ done: v.literal(true), intact: v.literal(true), rows: v.number() }),
  v.object({ done: v.literal(true), intact: v.literal(false), bad_seq: v.number(), why: v.string() }),
]);
export type AuditVerificationResource = v.InferOutput<typeof auditVerificationSchema>;

/** Where the log stood after a revocation, and when it was committed: what confirmations are followed by. */
export const revocationSchema = v.object({ epoch: v.string(), seq: v.number(), committed_at: time });
export type RevocationResource = v.InferOutput<typeof revocationSchema>;

export const statusSchema = v.object({
  version: v.string(),
  tenants: v.number(),
  live_leases: v.number(),
  sidecars: v.array(
    v.object({
      tenant_id: v.string(),
      agent_id: v.string(),
      instance: v.string(),
      applied_seq: v.number(),
      connected_for_ms: v.number(),
    }),
  ),
});
export type StatusResource = v.InferOutput<typeof statusSchema>;

export const confirmationSchema = v.object({
  done: v.boolean(),
  total: v.number(),
  confirmed_count: v.number(),
  /** Since the step before; in the last one, all. */
  confirmed: v.array(v.object({ instance: v.string(), after_ms: v.number() })),
  /** A few of those that are waited for; in the last step, all that were closed by the bound. */
  outstanding: v.array(v.string()),
  elapsed_ms: v.number(),
  committed_at: time,
});
export type ConfirmationResource = v.InferOutput<typeof confirmationSchema>;

export const errorSchema = v.object({ error: v.object({ code: v.string(), message: v.string(), request_id: v.string() }) });
