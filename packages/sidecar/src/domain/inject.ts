import { AppError, basicPair, type Route } from '@leasehold/core';
import { encodeSegment, type PathSegment, pathSegment, withSegment } from './path-segment.ts';
import { withParameter } from './query-parameter.ts';
import { type PreparedPlaceholder, preparePlaceholder, startReplacing } from './replace-placeholder.ts';
import { isStripped, withoutCredentialProtocols } from './strip.ts';

/** Flat, as node and undici have them: name, value, name, value, … */
export type RawHeaders = readonly string[];

export interface Injected {
  readonly headers: string[];
  /** Those of the headers that hold the value. */
  readonly secretNames: readonly string[];
  readonly path: string;
}

/** What of the injection is the same for every request under one lease: made once, when the lease is first used, and dropped with it. */
export interface PreparedInjection {
  readonly header: { readonly names: readonly [string]; readonly foldedName: string; readonly value: string } | undefined;
  readonly query: { readonly name: string; readonly encoded: string } | undefined;
  readonly segment: { readonly segment: PathSegment; readonly encoded: string } | undefined;
  readonly placeholder: PreparedPlaceholder | undefined;
}

/** How a credential goes on the wire. */
export type How = Pick<Route, 'injection' | 'placeholder'>;

/** `base64` is the platform's: basic auth needs it (RFC 7617). */
export function prepareInjection({ injection, placeholder }: How, value: string, base64: (text: string) => string): PreparedInjection {
  switch (injection.kind) {
    case 'header':
      return withHeader(
        injection.name,
        injection.template.replace('{value}', () => value),
      );
    case 'basic':
      return withHeader('authorization', `Basic ${base64(basicPair(injection.username, value))}`);
    case 'query':
      return { ...nothing, query: { name: injection.name, encoded: encodeURIComponent(value) } };
    case 'path':
      return { ...nothing, segment: { segment: pathSegment(injection.template, placeholder), encoded: encodeSegment(value) } };
    case 'placeholder':
      if (placeholder === undefined)
        throw new AppError('internal', 'This credential has no placeholder that could be replaced. Add it again.');
      return { ...nothing, placeholder: preparePlaceholder(injection.in, placeholder, value) };
  }
}

const nothing: PreparedInjection = { header: undefined, query: undefined, segment: undefined, placeholder: undefined };

function withHeader(name: string, value: string): PreparedInjection {
  return { ...nothing, header: { names: [name], foldedName: foldedName(name), value } };
}

/**
 * The head that goes out: the agent's own without what `strip` removes (duplicates and letter case included, what `Connection` nominates too),
 * then ours. Exactly one value goes out (INV-9); where a placeholder is replaced, ours goes where that stood, and without one nothing of ours goes.
 * The framing (content-length, expect) is not in it: the caller writes that from what was parsed.
 * Throws AppError `bad_request` for an `Expect` that nobody knows, or a placeholder in too many places.
 */
export function inject(headers: RawHeaders, path: string, prepared: PreparedInjection, authority: string): Injected {
  const { header, placeholder } = prepared;
  const replacing = placeholder === undefined ? undefined : startReplacing(placeholder);
  const nominated = nominations(headers);
  const replacedNames: string[] = [];
  // Only what we can read can be scrubbed (INV-10).
  const out: string[] = ['host', authority, 'accept-encoding', 'identity'];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? '';
    const value = headers[index + 1] ?? '';
    const folded = foldedName(name);
    if (folded === 'expect' && value.toLowerCase() !== '100-continue') {
      throw new AppError('bad_request', 'The only Expect that is known is 100-continue. Send the request without the header.');
    }
    if (nominated?.has(folded) === true) continue;
    const replaced = replacing?.header(folded, value);
    if (replaced !== undefined) {
      out.push(name, replaced);
      replacedNames.push(name);
    } else if (isStripped(folded) || folded === header?.foldedName) continue;
    else if (folded === 'sec-websocket-protocol') pushUnlessEmpty(out, name, withoutCredentialProtocols(value));
    else out.push(name, value);
  }
  // After the loop: no nomination can remove it.
  if (header !== undefined) out.push(header.names[0], header.value);
  const secretNames = header === undefined ? replacedNames : header.names;
  return { headers: out, secretNames, path: replacing === undefined ? injectIntoPath(path, prepared) : replacing.path(path) };
}

function pushUnlessEmpty(out: string[], name: string, value: string): void {
  if (value !== '') out.push(name, value);
}

function injectIntoPath(path: string, { query, segment }: PreparedInjection): string {
  if (query !== undefined) return withParameter(path, query.name, query.encoded);
  return segment === undefined ? path : withSegment(path, segment.segment, segment.encoded);
}

/** Servers that hand headers on as CGI variables (RFC 3875 section 4.1.18) read `X_Api_Key` and `X-Api-Key` as one. */
function foldedName(name: string): string {
  const lower = name.toLowerCase();
  return lower.includes('_') ? lower.replaceAll('_', '-') : lower;
}

/** The headers that the agent's `Connection` declares hop-by-hop (RFC 9110 section 7.6.1). */
function nominations(headers: RawHeaders): ReadonlySet<string> | undefined {
  let names: Set<string> | undefined;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    const value = headers[index + 1] ?? '';
    if (value === 'keep-alive' || value === 'close') continue;
    names ??= new Set();
    for (const each of value.split(',')) names.add(foldedName(each.trim()));
  }
  return names;
}
