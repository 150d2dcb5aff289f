import { bodyForms, placeholderPlaces } from '@leasehold/core';
import * as v from 'valibot';
import { credentialTypeSchema } from './resources.ts';

/** Bodies of requests. Unknown fields are refused: a misspelled limit must not become no limit. */

const name = v.string('must be text');
const strings = v.optional(v.array(v.string()), []);
const whole = v.pipe(v.number('must be a number'), v.safeInteger('must be a whole number'));
const timeForm = 'must be an RFC 3339 time such as 2030-01-31T12:00:00Z';
/** ISO 8601 has more forms than a Date can be made of. */
const time = v.pipe(
  v.string(timeForm),
  v.isoTimestamp(timeForm),
  v.check((text) => !Number.isNaN(Date.parse(text)), timeForm),
);
/** Base64 (RFC 4648 section 4): the one place where a value travels, towards the broker. */
const value = v.pipe(v.string('must be text'), v.base64('must be base64'));

const injection = v.variant('kind', [
  v.strictObject({ kind: v.literal('header'), name: v.string(), template: v.string() }),
  v.strictObject({ kind: v.literal('basic'), username: v.string() }),
  v.strictObject({ kind: v.literal('query'), name: v.string() }),
  v.strictObject({ kind: v.literal('path'), template: v.string() }),
  v.strictObject({ kind: v.literal('placeholder'), in: v.array(v.picklist(placeholderPlaces)) }),
]);

export const namedRequest = v.strictObject({ name });
export type NamedRequest = v.InferInput<typeof namedRequest>;

export const changeTenantRequest = v.strictObject({ agents_discover_names: v.boolean('must be true or false') });
export type ChangeTenantRequest = v.InferInput<typeof changeTenantRequest>;

export const addCredentialRequest = v.strictObject({
  name,
  type: v.optional(credentialTypeSchema, 'api_key'),
  destinations: v.array(
    v.strictObject({
      url: v.string(),
      methods: strings,
      path_prefixes: strings,
      ca_pem: v.optional(v.nullable(v.string()), null),
      private_cidrs: strings,
      body: v.optional(v.nullable(v.picklist(bodyForms)), null),
    }),
  ),
  injection,
  placeholder: v.optional(v.nullable(v.pipe(v.string(), v.maxLength(512))), null),
  environment: v.optional(v.array(v.strictObject({ name: v.string(), value: v.string() })), []),
  service: v.optional(v.nullable(v.string()), null),
  max_ttl_ms: v.optional(whole, 3_600_000),
  value,
});
export type AddCredentialRequest = v.InferInput<typeof addCredentialRequest>;

export const rotateCredentialRequest = v.strictObject({ value });
export type RotateCredentialRequest = v.InferInput<typeof rotateCredentialRequest>;

export const putGrantRequest = v.strictObject({
  agent: name,
  credential: name,
  ttl_ms: v.optional(whole, 300_000),
  /** RFC 3339. */
  not_after: v.optional(v.nullable(time), null),
  methods: strings,
  path_prefixes: strings,
  rate_per_minute: v.optional(v.nullable(whole), null),
});
export type PutGrantRequest = v.InferInput<typeof putGrantRequest>;

export const revokeGrantRequest = v.strictObject({ agent: name, credential: name });
export type RevokeGrantRequest = v.InferInput<typeof revokeGrantRequest>;
