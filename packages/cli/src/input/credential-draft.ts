import { readFile } from 'node:fs/promises';
import type { AddCredentialRequest, InjectionResource } from '@leasehold/contract/admin';
import { AppError, checkInjection, isName, parseDestination, parseDuration } from '@leasehold/core';

/** The flags of `credential add` that say what the credential is. */
export interface DraftFlags {
  readonly destination?: readonly string[];
  readonly header?: string;
  readonly basic?: string;
  readonly query?: string;
  readonly placeholder?: string;
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
  const maxTtlMs = parseDuration(flags.maxTtl);
  if (maxTtlMs === undefined) problems.push(`--max-ttl "${flags.maxTtl}" is no duration: write it as 10m or 1h.`);
  const type = types.find((each) => each === flags.type);
  if (type === undefined) problems.push(`--type "${flags.type}" is none of ${types.join(', ')}.`);
  if (problems.length > 0 || injection === undefined || maxTtlMs === undefined || type === undefined)
    throw new AppError('invalid_argument', `The credential is not described well:\n${[...new Set(problems)].join('\n')}`);
  return { name, type, destinations, injection, placeholder: flags.placeholder ?? null, max_ttl_ms: maxTtlMs };
}

function injectionOf({ header, basic, query }: DraftFlags): InjectionResource {
  const [injection, ...more] = [
    ...(header === undefined ? [] : [headerInjection(header)]),
    ...(basic === undefined ? [] : [{ kind: 'basic' as const, username: basic }]),
    ...(query === undefined ? [] : [{ kind: 'query' as const, name: query }]),
  ];
  if (injection === undefined || more.length > 0) {
    throw new AppError(
      'invalid_argument',
      `say with exactly one of --header, --basic and --query how the value goes on the wire, such as --header 'Authorization: Bearer {value}'`,
    );
  }
  checkInjection(injection);
  return injection;
}

function headerInjection(text: string): InjectionResource {
  const colon = text.indexOf(':');
  if (colon === -1)
    throw new AppError('invalid_argument', "--header wants a name and a template, such as --header 'Authorization: Bearer {value}'");
  return { kind: 'header', name: text.slice(0, colon).trim(), template: text.slice(colon + 1).trim() };
}

function destinationOf(
  url: string,
  { method = [], path = [], private: cidrs = [] }: DraftFlags,
  caPem: string | null,
): AddCredentialRequest['destinations'][number] {
  const methods = method.map((each) => each.toUpperCase());
  parseDestination(url, { methods, pathPrefixes: path, caPem: caPem ?? undefined, privateCidrs: cidrs });
  return { url, methods, path_prefixes: [...path], ca_pem: caPem, private_cidrs: [...cidrs] };
}

async function readCa(path: string, problems: string[]): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    problems.push(`the CA file ${path} can’t be read (${cause instanceof Error && 'code' in cause ? cause.code : 'unknown reason'}).`);
    return null;
  }
}
