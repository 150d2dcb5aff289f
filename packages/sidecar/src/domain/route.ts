import { type Destination, formatAuthority, isMethod, pathHasPrefix, type RequestLimits, type Route, wildcardOf } from '@leasehold/core';
import { isMetadataHost } from './metadata-hosts.ts';
import { withoutSegment } from './path-segment.ts';
import { namedBy, type PlaceholderIndex, type Sent } from './placeholder-index.ts';
import { type About, type Refused, refused, refusedByBinding, refusedPlainly, refusedTexts } from './refused.ts';
import type { Candidate, RouteTable } from './route-table.ts';
import { takesPort } from './takes-port.ts';
import { ungrantedAt, ungrantedNamed } from './ungranted.ts';

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

export interface Matched {
  readonly kind: 'matched';
  readonly route: Route;
  readonly destination: Destination;
  readonly host: string;
  /** As policy judged it: without a segment that carries the credential. */
  readonly path: string;
}

export type Routed = Matched | Refused;

/**
 * Names the one credential and destination for this request, or says why not. Nothing is forwarded without a match (INV-1, INV-2). A placeholder
 * that the request holds names its credential, and goes nowhere that this credential is not bound to (THREATS 2).
 */
export function route(table: RouteTable, target: Target, sent: Sent): Routed {
  if (target.way === 'proxy' && isMetadataHost(target.host))
    return refusedPlainly('address_forbidden', refusedTexts.metadata, formatAuthority(target));
  const named = table.placeholders && namedCredentials(table.placeholders, sent);
  if (named?.size === 0) return refusedPlainly('placeholder_misplaced', refusedTexts.several, authorityOf(target));
  return look(table, target, named) ?? unmatched(table, target, named !== undefined);
}

/** The credentials that all placeholders of a request may stand for; undefined when it holds none. */
function namedCredentials(index: PlaceholderIndex, sent: Sent): ReadonlySet<string> | undefined {
  const [first, ...others] = namedBy(index, sent);
  return first === undefined ? undefined : others.reduce(common, first);
}

function common(one: ReadonlySet<string>, other: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...one].filter((each) => other.has(each)));
}

/** Undefined when nothing is bound to the host and port. */
function look(table: RouteTable, target: Target, named: ReadonlySet<string> | undefined): Routed | undefined {
  if (target.way === 'base-url') return choose(table, table.byName.get(target.credentialName), target, named);
  // An exact host goes before a pattern, whether or not its credential is live: which one a request gets must not hang on what is suspended.
  const exact = choose(table, table.byHost.get(target.host), target, named);
  if (exact !== undefined) return exact;
  const wildcard = wildcardOf(target.host);
  return wildcard === undefined ? undefined : choose(table, table.byHost.get(wildcard), target, named);
}

function unmatched(table: RouteTable, target: Target, isNamed: boolean): Refused {
  const { agent, byName } = table;
  const destination = authorityOf(target);
  if (target.way === 'base-url' && byName.get(target.credentialName)?.length === 0)
    return refusedPlainly('no_route', refusedTexts.patternsOnly);
  if (isNamed) return refusedPlainly('placeholder_misplaced', refusedTexts.misplaced, destination);
  if (target.way === 'base-url') {
    const credential = target.credentialName;
    return refused('no_grant', { agent, credential, destination: ungrantedNamed(table, credential) });
  }
  const credential = ungrantedAt(table, target);
  return refused(credential === undefined ? 'no_route' : 'no_grant', { agent, credential, destination });
}

/** As the agent addressed it; a base URL says which credential is meant, not where that goes. */
export function authorityOf(target: Target): string | undefined {
  return target.way === 'proxy' ? formatAuthority(target) : undefined;
}

/**
 * The longest path prefix, of the destination or of the grant, wins among the candidates that cover port, path and method.
 * Two credentials that fit equally well are told apart by nobody, so neither goes out. Undefined when no candidate has this port.
 */
function choose(
  { agent }: RouteTable,
  candidates: readonly Candidate[] | undefined,
  target: Target,
  named: ReadonlySet<string> | undefined,
): Routed | undefined {
  let best: Candidate | undefined;
  let bestLength = -1;
  let isTied = false;
  /** Of those that do not fit, one that comes near. */
  let nearest: Candidate | undefined;
  let isNearestCovering = false;
  for (const candidate of candidates ?? []) {
    const { route: candidateRoute, destination } = candidate;
    if (named !== undefined && !named.has(candidateRoute.credentialId)) continue;
    if (target.way === 'proxy' && !takesPort(destination, target)) continue;
    const length = coveredLength(candidate, judgedPath(candidate, target));
    if (length === -1) {
      nearest ??= candidate;
      continue;
    }
    if (!allows(destination.methods, target.method) || !allows(candidateRoute.limits.methods, target.method)) {
      if (!isNearestCovering) nearest = candidate;
      isNearestCovering = true;
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
  if (isTied) return refusedPlainly('no_route', refusedTexts.ambiguous, authorityOf(target));
  if (best !== undefined) return decided(best, target, agent);
  return nearest && notAllowed(nearest, target, agent, isNearestCovering);
}

function decided(candidate: Candidate, target: Target, agent: string | undefined): Routed {
  const { route: matched, destination } = candidate;
  if (matched.status !== 'active') return refused(matched.status, aboutOf(candidate, target, agent));
  return { kind: 'matched', route: matched, destination, host: hostOf(destination, target), path: judgedPath(candidate, target) };
}

function notAllowed(candidate: Candidate, target: Target, agent: string | undefined, isCovering: boolean): Refused {
  const { destination } = candidate;
  const about = aboutOf(candidate, target, agent);
  if (!isMethod(target.method)) return refusedPlainly('method_not_allowed', refusedTexts.method, about.destination);
  if (isCovering)
    return allows(destination.methods, target.method)
      ? refused('method_not_allowed', about)
      : refusedByBinding('method_not_allowed', about);
  const isBound = longestPrefix(destination.pathPrefixes, judgedPath(candidate, target)) !== -1;
  return isBound ? refused('path_not_allowed', about) : refusedByBinding('path_not_allowed', about);
}

/**
 * Why what the routes allowed is outside the limits of the lease that it would go out under: its grant was narrowed, and the routes that say so are
 * on their way. Undefined when it is within them.
 */
export function outsideLimits(matched: Matched, method: string, limits: RequestLimits, agent: string | undefined): Refused | undefined {
  if (!allows(limits.methods, method)) return refused('method_not_allowed', aboutMatched(matched, agent));
  if (longestPrefix(limits.pathPrefixes, matched.path) === -1) return refused('path_not_allowed', aboutMatched(matched, agent));
  return undefined;
}

/** What a refusal of a matched request is about. */
export function aboutMatched({ route, destination, host }: Matched, agent: string | undefined): About {
  const { scheme, port } = destination;
  return { agent, credential: route.credentialName, destination: formatAuthority({ scheme, host, port }) };
}

function aboutOf({ route: { credentialName }, destination }: Candidate, target: Target, agent: string | undefined): About {
  const { scheme, port } = destination;
  return { agent, credential: credentialName, destination: formatAuthority({ scheme, host: hostOf(destination, target), port }) };
}

function hostOf({ hostPattern }: Destination, target: Target): string {
  return target.way === 'proxy' ? target.host : hostPattern;
}

function judgedPath({ segment }: Candidate, { path }: Target): string {
  return segment === undefined ? path : withoutSegment(path, segment);
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
