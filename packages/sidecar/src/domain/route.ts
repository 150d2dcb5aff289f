import { type Destination, type ErrorCode, isMethod, type KnownRoute, pathHasPrefix, type Route, wildcardOf } from '@leasehold/core';
import { refusedStatus, refusedTexts } from './refused-texts.ts';

/** A request as the agent addressed it. Host and path are canonical: `parseHostAndPort` and `checkPath` made them. */
export type Target =
  | {
      readonly way: 'proxy';
      readonly scheme: 'http' | 'https';
      readonly host: string;
      readonly port: number;
      readonly method: string;
      readonly path: string;
    }
  | { readonly way: 'base-url'; readonly credentialName: string; readonly method: string; readonly path: string };

export type Routed =
  | { readonly kind: 'matched'; readonly route: Route; readonly destination: Destination; readonly host: string }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string };

/** Routes, ready for look-ups by host pattern and by name. Made once for each list that the broker sends. */
export interface RouteTable {
  readonly byHost: ReadonlyMap<string, readonly Candidate[]>;
  readonly byName: ReadonlyMap<string, readonly Candidate[]>;
}

interface Candidate {
  readonly route: Route;
  readonly destination: Destination;
}

export const emptyRouteTable: RouteTable = { byHost: new Map(), byName: new Map() };

export function compileRoutes(routes: readonly KnownRoute[]): RouteTable {
  const byHost = new Map<string, Candidate[]>();
  const byName = new Map<string, Candidate[]>();
  for (const route of routes) {
    if (route.status === 'not_granted') continue;
    const named = listIn(byName, route.credentialName);
    for (const destination of route.destinations) {
      listIn(byHost, destination.hostPattern).push({ route, destination });
      // A pattern names no host that a base URL could stand for.
      if (!destination.hostPattern.startsWith('*.')) named.push({ route, destination });
    }
  }
  return { byHost, byName };
}

/** Names the one credential and destination for this request, or says why not. Nothing is forwarded without a match (INV-1, INV-2). */
export function route(table: RouteTable, target: Target): Routed {
  if (target.way === 'base-url') {
    const named = table.byName.get(target.credentialName);
    if (named === undefined) return refused('no_grant', refusedTexts.noGrant(target.credentialName));
    return choose(named, target) ?? refused('no_route', refusedTexts.patternsOnly);
  }
  if (isMetadataHost(target.host)) return refused('address_forbidden', refusedTexts.metadata);
  // An exact host goes before a pattern, whether or not its credential is live: which one a request gets must not hang on what is suspended.
  const exact = choose(table.byHost.get(target.host), target);
  if (exact !== undefined) return exact;
  const wildcard = wildcardOf(target.host);
  const matched = wildcard === undefined ? undefined : choose(table.byHost.get(wildcard), target);
  return matched ?? refused('no_route', refusedTexts.noRoute(target.host, target.port));
}

/** Where clouds lend credentials of their own to whoever asks; keyless SDKs try them through the proxy. */
const metadataHosts: ReadonlySet<string> = new Set([
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '100.100.100.200',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'instance-data',
]);

export function isMetadataHost(host: string): boolean {
  return metadataHosts.has(host);
}

/**
 * The longest path prefix, of the destination or of the grant, wins among the candidates that cover port, path and method.
 * Two credentials that fit equally well are told apart by nobody, so neither goes out. Undefined when no candidate has this port.
 */
function choose(candidates: readonly Candidate[] | undefined, target: Target): Routed | undefined {
  let best: Candidate | undefined;
  let bestLength = -1;
  let isTied = false;
  let missing: 'port' | 'path' | 'method' = 'port';
  for (const candidate of candidates ?? []) {
    const { route: candidateRoute, destination } = candidate;
    if (target.way === 'proxy' && !takesPort(destination, target)) continue;
    const length = coveredLength(candidate, target.path);
    if (length === -1) {
      if (missing === 'port') missing = 'path';
      continue;
    }
    if (!allows(destination.methods, target.method) || !allows(candidateRoute.limits.methods, target.method)) {
      missing = 'method';
      continue;
    }
    if (best === undefined || length > bestLength) {
      best = candidate;
      bestLength = length;
      isTied = false;
    } else if (length === bestLength) {
      if (candidateRoute.credentialId !== best.route.credentialId) isTied = true;
      // Of one credential's own destinations the first that was written counts, and TLS before plaintext.
      else if (destination.scheme === 'https' && best.destination.scheme === 'http') best = candidate;
    }
  }
  if (isTied) return refused('no_route', refusedTexts.ambiguous);
  if (best !== undefined) return decided(best, target);
  if (missing === 'port') return undefined;
  return missing === 'path'
    ? refused('path_not_allowed', refusedTexts.path)
    : refused('method_not_allowed', refusedTexts.method(target.method));
}

function decided({ route: matched, destination }: Candidate, target: Target): Routed {
  if (matched.status !== 'active') return refused(matched.status, refusedStatus[matched.status]);
  return { kind: 'matched', route: matched, destination, host: target.way === 'proxy' ? target.host : destination.hostPattern };
}

/** Whether what an agent addressed to this scheme and port may go to the destination. */
export function takesPort({ scheme, port }: Destination, target: { readonly scheme: 'http' | 'https'; readonly port: number }): boolean {
  // What the agent sent over TLS goes out over TLS. What it sent in the clear goes out over TLS if the destination says so (THREATS 13) …
  if (target.port === port) return target.scheme === 'http' || scheme === 'https';
  // … and an agent without TLS writes http://host, which is port 80, for what is bound to https://host.
  return target.scheme === 'http' && target.port === 80 && scheme === 'https' && port === 443;
}

/** Length of the longest prefix that covers the path, 0 when nothing limits it, -1 when the destination or the grant does not cover it. */
function coveredLength({ route: { limits }, destination: { pathPrefixes } }: Candidate, path: string): number {
  const byDestination = longestPrefix(pathPrefixes, path);
  const byGrant = longestPrefix(limits.pathPrefixes, path);
  return byDestination === -1 || byGrant === -1 ? -1 : Math.max(byDestination, byGrant);
}

function longestPrefix(prefixes: readonly string[], path: string): number {
  if (prefixes.length === 0) return 0;
  let longest = -1;
  for (const prefix of prefixes) if (prefix.length > longest && pathHasPrefix(path, prefix)) longest = prefix.length;
  return longest;
}

/** Without a list every method goes, save those that no policy may name: TRACE would have the upstream send our header back. */
function allows(methods: readonly string[], method: string): boolean {
  return methods.length === 0 ? isMethod(method) : methods.includes(method);
}

function listIn<Entry>(lists: Map<string, Entry[]>, key: string): Entry[] {
  const known = lists.get(key);
  if (known !== undefined) return known;
  const made: Entry[] = [];
  lists.set(key, made);
  return made;
}

function refused(code: ErrorCode, message: string): Routed {
  return { kind: 'refused', code, message };
}
