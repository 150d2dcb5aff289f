import { AppError, type Injection } from '@leasehold/core';

/** Flat, as node and undici have them: name, value, name, value, … */
export type RawHeaders = readonly string[];

export interface Injected {
  readonly headers: string[];
  readonly path: string;
}

/** Every header that some service reads a credential from: what the agent sends in one never goes out (INV-9). */
const credentialHeaders = [
  'authorization',
  'proxy-authorization',
  'x-api-key',
  'api-key',
  'apikey',
  'x-goog-api-key',
  'x-auth-token',
  'x-access-token',
  'x-auth-key',
  'private-token',
  'x-amz-security-token',
  'x-vault-token',
  'x-subscription-token',
  'ocp-apim-subscription-key',
];
// RFC 9110 section 7.6.1, and what older proxies understand.
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'proxy-authenticate',
];
/** Written anew from what was parsed. */
const rebuilt = ['host', 'content-length', 'accept-encoding', 'expect'];

const dropped: ReadonlySet<string> = new Set([...credentialHeaders, ...hopByHop, ...rebuilt]);

/** What of the injection is the same for every request under one lease: made once, when the lease is first used. */
export interface PreparedInjection {
  readonly header: { readonly name: string; readonly lowerName: string; readonly value: string } | undefined;
  readonly query: { readonly name: string; readonly encoded: string } | undefined;
}

/** `base64` is the platform's: basic auth needs it (RFC 7617). */
export function prepareInjection(injection: Injection, value: string, base64: (text: string) => string): PreparedInjection {
  switch (injection.kind) {
    case 'header':
      return withHeader(
        injection.name,
        injection.template.replace('{value}', () => value),
      );
    case 'basic':
      return withHeader('authorization', `Basic ${base64(`${injection.username}:${value}`)}`);
    case 'query':
      return { header: undefined, query: { name: injection.name, encoded: encodeURIComponent(value) } };
  }
}

function withHeader(name: string, value: string): PreparedInjection {
  return { header: { name, lowerName: name.toLowerCase(), value }, query: undefined };
}

/**
 * The head that goes out: the agent's own without hop-by-hop, proxy and credential-bearing headers (duplicates and letter case included,
 * what `Connection` nominates too), then ours. Exactly one value goes out. Throws AppError `bad_request` for an `Expect` that nobody knows.
 */
export function inject(headers: RawHeaders, path: string, prepared: PreparedInjection, authority: string): Injected {
  const { header, query } = prepared;
  const nominated = nominations(headers);
  const out: string[] = ['host', authority];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? '';
    const value = headers[index + 1] ?? '';
    const lower = name.toLowerCase();
    if (lower === 'expect' && value.toLowerCase() !== '100-continue') {
      throw new AppError('bad_request', 'The only Expect that is known is 100-continue.');
    }
    if (dropped.has(lower) || lower === header?.lowerName || nominated?.has(lower) === true) continue;
    out.push(name, value);
  }
  // Only what we can read can be scrubbed (INV-10).
  out.push('accept-encoding', 'identity');
  if (header !== undefined) out.push(header.name, header.value);
  return { headers: out, path: query === undefined ? path : withParameter(path, query.name, query.encoded) };
}

function nominations(headers: RawHeaders): ReadonlySet<string> | undefined {
  let names: Set<string> | undefined;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    const value = headers[index + 1] ?? '';
    if (value === 'keep-alive' || value === 'close') continue;
    names ??= new Set();
    for (const each of value.split(',')) names.add(each.trim().toLowerCase());
  }
  return names;
}

/** Every parameter of that name goes, however it is spelled; ours comes last. */
function withParameter(path: string, name: string, encoded: string): string {
  const mark = path.indexOf('?');
  const base = mark === -1 ? path : path.slice(0, mark);
  const kept =
    mark === -1
      ? []
      : path
          .slice(mark + 1)
          .split('&')
          .filter((pair) => pair !== '' && decodedName(pair) !== name.toLowerCase());
  return `${base}?${[...kept, `${name}=${encoded}`].join('&')}`;
}

function decodedName(pair: string): string {
  const raw = pair.split('=', 1)[0]?.replaceAll('+', ' ') ?? '';
  try {
    return decodeURIComponent(raw).toLowerCase();
  } catch {
    throw new AppError('bad_request', 'The query is not validly percent-encoded.');
  }
}
