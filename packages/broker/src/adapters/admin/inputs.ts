import type { AddCredentialRequest, PutGrantRequest } from '@leasehold/contract/admin';
import { AppError, parseDestination } from '@leasehold/core';
import type { Page } from '../../ports/store.ts';
import type { CredentialDraft, GrantDraft, RevocationReceipt } from '../../ports/use-cases.ts';

/** From parsed request bodies and queries to what the use cases take. */

export function toCredentialDraft(
  body: Required<Pick<AddCredentialRequest, 'name' | 'destinations' | 'injection'>> & Omit<AddCredentialRequest, 'value'>,
): CredentialDraft {
  const { name, type = 'api_key', destinations, injection, placeholder, environment = [], service, max_ttl_ms = 3_600_000 } = body;
  return {
    name,
    type,
    destinations: destinations.map(({ url, methods = [], path_prefixes = [], ca_pem, private_cidrs = [], body: form }) =>
      parseDestination(url, {
        methods,
        pathPrefixes: path_prefixes,
        caPem: ca_pem ?? undefined,
        privateCidrs: private_cidrs,
        body: form ?? undefined,
      }),
    ),
    injection,
    placeholder: placeholder ?? undefined,
    environment,
    service: service ?? undefined,
    maxTtlMs: max_ttl_ms,
  };
}

/** The caller wipes it. */
export function toValue(base64: string): Uint8Array {
  return Buffer.from(base64, 'base64');
}

export function toGrantDraft({
  agent,
  credential,
  ttl_ms = 300_000,
  not_after,
  methods = [],
  path_prefixes = [],
  rate_per_minute,
}: PutGrantRequest): GrantDraft {
  return {
    agent,
    credential,
    ttlMs: ttl_ms,
    notAfter: not_after == null ? undefined : Date.parse(not_after),
    limits: {
      methods: methods.map((method) => method.toUpperCase()),
      pathPrefixes: path_prefixes,
      ratePerMinute: rate_per_minute ?? undefined,
    },
  };
}

const maxPage = 1_000;

export function toPage(query: Query): Page {
  return { limit: wholeNumber(query, 'limit', 100, { min: 1, max: maxPage }), after: query('after') };
}

/** One parameter of the query string. */
export type Query = (name: string) => string | undefined;

export function wholeNumber(
  query: Query,
  name: string,
  fallback: number,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { readonly min?: number; readonly max?: number } = {},
): number {
  const text = query(name);
  if (text === undefined) return fallback;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw new AppError('invalid_argument', `"${name}" must be a whole number from ${min} to ${max}.`);
  return value;
}

export function toReceipt(query: Query): RevocationReceipt {
  const epoch = query('epoch');
  if (epoch === undefined) throw new AppError('invalid_argument', 'Give epoch, seq and committed_at as the revocation answered them.');
  return { head: { epoch, seq: wholeNumber(query, 'seq', 0) }, committedAt: toCommitTime(query) };
}

export function toCommitTime(query: Query): number {
  const committedAt = Date.parse(query('committed_at') ?? '');
  if (Number.isNaN(committedAt)) throw new AppError('invalid_argument', 'Give committed_at as the revocation answered it.');
  return committedAt;
}
