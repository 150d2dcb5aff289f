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
import type { FilledTemplate } from '@leasehold/services';
import { type InjectionFlags, injectionOf } from './injection.ts';
import { filledService, type ServiceFlags } from './service-flags.ts';

/** The flags of `credential add` that say what the credential is. */
export interface DraftFlags extends InjectionFlags, ServiceFlags {
  readonly destination?: readonly string[];
  readonly placeholder?: string;
  readonly env?: readonly string[];
  readonly body?: string;
  readonly path?: readonly string[];
  readonly method?: readonly string[];
  readonly ca?: string;
  readonly private?: readonly string[];
  readonly maxTtl: string;
  readonly type?: string;
}

export type CredentialDraft = Omit<AddCredentialRequest, 'value'>;

const types = ['api_key', 'oauth_token', 'db_password', 'service_account', 'basic'] as const;

/** Everything of a credential but its value: what the flags say, else what the template says. Throws one AppError `invalid_argument` that lists every problem. */
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
  const template = await filledService(flags);
  const injection = parts(() => injectionOf(flags, template?.injection));
  const caPem = flags.ca === undefined ? null : await readCa(flags.ca, problems);
  const places = placesOf(flags, template, injection?.kind === 'placeholder');
  if (places.length === 0) problems.push('a destination is missing: --destination https://api.example.com');
  const destinations = places.flatMap((place) => parts(() => destinationOf(place, flags, caPem)) ?? []);
  const environment = parts(() => environmentOf(flags.env ?? [], template));
  const maxTtlMs = parseDuration(flags.maxTtl);
  if (maxTtlMs === undefined) problems.push(`--max-ttl "${flags.maxTtl}" is no duration: write it as 10m or 1h.`);
  const { placeholder = template?.placeholder, type: typeText = template?.type ?? 'api_key' } = flags;
  const type = types.find((each) => each === typeText);
  if (type === undefined) problems.push(`--type "${typeText}" is none of ${types.join(', ')}.`);
  if (injection !== undefined && environment !== undefined)
    parts(() => checkPlaceholder({ injection, environment, placeholder, destinations: destinations.map(bodyOf) }));
  if (problems.length > 0 || injection === undefined || environment === undefined || maxTtlMs === undefined || type === undefined)
    throw new AppError('invalid_argument', `The credential is not described well:\n${[...new Set(problems)].join('\n')}`);
  const service = template?.service ?? null;
  return { name, type, destinations, injection, placeholder: placeholder ?? null, environment, service, max_ttl_ms: maxTtlMs };
}

interface Place {
  readonly url: string;
  readonly body: string | undefined;
}

function placesOf({ destination, path, body }: DraftFlags, template: FilledTemplate | undefined, isReplaced: boolean): readonly Place[] {
  if (destination !== undefined || template === undefined) return (destination ?? []).map((url) => ({ url, body }));
  return template.destinations.map((each) => ({
    // Paths that are given narrow the template's own: beside them they would widen it.
    url: path === undefined ? each.url : each.url.replace(/^(https?:\/\/[^/]+).*$/, '$1'),
    body: body ?? (isReplaced ? each.body : undefined),
  }));
}

function destinationOf(
  { url, body }: Place,
  { method = [], path = [], private: cidrs = [] }: DraftFlags,
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

/** The template's variables, but for those that a flag names. */
function environmentOf(texts: readonly string[], template: FilledTemplate | undefined): NonNullable<AddCredentialRequest['environment']> {
  const given = texts.map((text) => {
    const equals = text.indexOf('=');
    return { name: text.slice(0, Math.max(equals, 0)), value: text.slice(equals + 1) };
  });
  const kept = (template?.environment ?? []).filter(({ name }) => !given.some((each) => each.name === name));
  const environment = [...kept, ...given];
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
