import { readFile } from 'node:fs/promises';
import type { AddCredentialRequest } from '@leasehold/contract/admin';
import {
  AppError,
  type BodyForm,
  bodyForms,
  checkEnvironment,
  checkPlaceholder,
  isName,
  parseDestination,
  parseDuration,
} from '@leasehold/core';
import { type InjectionFlags, injectionOf } from './injection.ts';

/** The flags of `credential add` that say what the credential is. */
export interface DraftFlags extends InjectionFlags {
  readonly destination?: readonly string[];
  readonly placeholder?: string;
  readonly env?: readonly string[];
  readonly body?: string;
  readonly path?: readonly string[];
  readonly method?: readonly string[];
  readonly ca?: string;
  readonly private?: readonly string[];
  readonly maxTtl: string;
  readonly type: string;
}

export type CredentialDraft = Omit<AddCredentialRequest, 'value'>;

const types = ['api_key', 'oauth_token', 'db_password', 'service_account', 'basic'] as const;

/** Everything of a credential but its value. Throws one AppError `invalid_argument` that lists every problem. */
export async function credentialDraft(name: string, flags: DraftFlags): Promise<CredentialDraft> {
  const problems: string[] = [];
  const parts = <T>(part: () => T): T | undefined => {
    try {
      return part();
    } catch (thrown) {
      if (!(thrown instanceof AppError)) throw thrown;
      problems.push(thrown.message);
      return undefined;
    }
  };
  // Not quoted: it may be the value, typed where the name belongs.
  if (!isName(name))
    problems.push('the name is none: use lower-case letters, digits and "-", at most 63, beginning with a letter or digit.');
  const injection = parts(() => injectionOf(flags));
  const caPem = flags.ca === undefined ? null : await readCa(flags.ca, problems);
  if ((flags.destination ?? []).length === 0) problems.push('a destination is missing: --destination https://api.example.com');
  const destinations = (flags.destination ?? []).flatMap((url) => parts(() => destinationOf(url, flags, caPem)) ?? []);
  const environment = parts(() => environmentOf(flags.env ?? []));
  const maxTtlMs = parseDuration(flags.maxTtl);
  if (maxTtlMs === undefined) problems.push(`--max-ttl "${flags.maxTtl}" is no duration: write it as 10m or 1h.`);
  const type = types.find((each) => each === flags.type);
  if (type === undefined) problems.push(`--type "${flags.type}" is none of ${types.join(', ')}.`);
  const { placeholder } = flags;
  if (injection !== undefined && environment !== undefined)
    parts(() => checkPlaceholder({ injection, environment, placeholder, destinations: destinations.map(bodyOf) }));
  if (problems.length > 0 || injection === undefined || environment === undefined || maxTtlMs === undefined || type === undefined)
    throw new AppError('invalid_argument', `The credential is not described well:\n${[...new Set(problems)].join('\n')}`);
  return { name, type, destinations, injection, placeholder: placeholder ?? null, environment, max_ttl_ms: maxTtlMs };
}

function destinationOf(
  url: string,
  { method = [], path = [], private: cidrs = [], body }: DraftFlags,
  caPem: string | null,
): AddCredentialRequest['destinations'][number] {
  const methods = method.map((each) => each.toUpperCase());
  const form = bodyForms.find((each) => each === body);
  if (form === undefined && body !== undefined)
    throw new AppError('invalid_argument', `--body "${body}" is none of ${bodyForms.join(', ')}.`);
  parseDestination(url, { methods, pathPrefixes: path, caPem: caPem ?? undefined, privateCidrs: cidrs, body: form });
  return { url, methods, path_prefixes: [...path], ca_pem: caPem, private_cidrs: [...cidrs], body: form ?? null };
}

function bodyOf({ body }: AddCredentialRequest['destinations'][number]): { readonly body: BodyForm | undefined } {
  return { body: body ?? undefined };
}

function environmentOf(variables: readonly string[]): NonNullable<AddCredentialRequest['environment']> {
  const environment = variables.map((text) => {
    const equals = text.indexOf('=');
    return { name: text.slice(0, Math.max(equals, 0)), value: text.slice(equals + 1) };
  });
  checkEnvironment(environment);
  return environment;
}

async function readCa(path: string, problems: string[]): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    problems.push(`the CA file ${path} can’t be read (${cause instanceof Error && 'code' in cause ? cause.code : 'unknown reason'}).`);
    return null;
  }
}
