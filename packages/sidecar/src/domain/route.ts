import { type Destination, type ErrorCode, hostMatches, pathHasPrefix, type Route, type RouteStatus, wildcardOf } from '@leasehold/core';

/** A request as the agent addressed it. */
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

/** Routes, ready for look-ups by host and by name. Made once for each list that the broker sends. */
export interface RouteTable {
  readonly byHost: ReadonlyMap<string, readonly Candidate[]>;
  readonly byName: ReadonlyMap<string, Route>;
}

interface Candidate {
  readonly route: Route;
  readonly destination: Destination;
}

export const emptyRouteTable: RouteTable = { byHost: new Map(), byName: new Map() };

export function compileRoutes(routes: readonly Route[]): RouteTable {
  const byHost = new Map<string, Candidate[]>();
  for (const route of routes) {
    for (const destination of route.destinations) {
      const known = byHost.get(destination.hostPattern);
      if (known === undefined) byHost.set(destination.hostPattern, [{ route, destination }]);
      else known.push({ route, destination });
    }
  }
  return { byHost, byName: new Map(routes.map((route) => [route.credentialName, route])) };
}

/** Names the one credential and destination for this request, or says why not. Nothing is forwarded without a match (INV-1, INV-2). */
export function route(table: RouteTable, target: Target): Routed {
  return target.way === 'proxy' ? routeByHost(table, target) : routeByName(table, target);
}

function routeByHost(table: RouteTable, target: Target & { way: 'proxy' }): Routed {
  if (isMetadataHost(target.host)) return refused('address_forbidden', 'Cloud metadata services are never reached through Leasehold.');
  const wildcard = wildcardOf(target.host);
  const candidates = [
    ...(table.byHost.get(target.host) ?? []),
    ...(wildcard === undefined ? [] : (table.byHost.get(wildcard) ?? [])),
  ].filter(({ destination }) => portFits(destination, target));
  if (candidates.length === 0) {
    return refused(
      'no_route',
      `No credential lent to this agent is bound to ${target.host}:${target.port}. An operator allows it with: leasehold grant add --agent AGENT --credential NAME`,
    );
  }
  return choose(candidates, target, target.host);
}

function routeByName(table: RouteTable, target: Target & { way: 'base-url' }): Routed {
  const named = table.byName.get(target.credentialName);
  if (named === undefined) {
    return refused(
      'no_grant',
      `This agent has no grant for "${target.credentialName}". An operator allows it with: leasehold grant add --agent AGENT --credential ${target.credentialName}`,
    );
  }
  const exact = named.destinations.filter(({ hostPattern }) => !hostPattern.startsWith('*.'));
  if (exact.length === 0)
    return refused(
      'no_route',
      'This credential is bound to host patterns only, so its base URL names no host. Use the proxy with the full URL.',
    );
  return choose(
    exact.map((destination) => ({ route: named, destination })),
    target,
    undefined,
  );
}

/** Live first, then the longest path prefix; two credentials that fit equally well are told apart by nobody, so neither goes out. */
function choose(candidates: readonly Candidate[], target: Target, host: string | undefined): Routed {
  let best: { readonly candidate: Candidate; readonly length: number } | undefined;
  let isTied = false;
  let refusal: Routed | undefined;
  for (const candidate of candidates) {
    const length = matchedPrefix(candidate, target.path);
    const no = length === undefined ? pathRefusal(target) : refusalOf(candidate, target);
    if (no !== undefined) {
      refusal ??= no;
      continue;
    }
    if (best === undefined || (length ?? 0) > best.length) {
      best = { candidate, length: length ?? 0 };
      isTied = false;
    } else if (length === best.length && candidate.route.credentialId !== best.candidate.route.credentialId) {
      isTied = true;
    }
  }
  if (best === undefined) return refusal ?? refused('no_route', 'No destination fits this request.');
  if (isTied)
    return refused(
      'no_route',
      'Several credentials fit this request equally well. Use the base URL of the one that is meant, or give their destinations different paths.',
    );
  const { route: matched, destination } = best.candidate;
  return { kind: 'matched', route: matched, destination, host: host ?? destination.hostPattern };
}

function portFits({ scheme, port, hostPattern }: Destination, target: Target & { way: 'proxy' }): boolean {
  if (!hostMatches(hostPattern, target.host)) return false;
  if (target.port === port) return target.scheme === 'http' || scheme === 'https';
  // An agent without TLS writes http://host; what is bound to https://host goes out over TLS (THREATS 13).
  return target.scheme === 'http' && target.port === 80 && scheme === 'https' && port === 443;
}

/** Length of the longest prefix that covers the path, 0 when there are none; undefined when none of them does. */
function matchedPrefix({ destination: { pathPrefixes } }: Candidate, path: string): number | undefined {
  if (pathPrefixes.length === 0) return 0;
  let longest: number | undefined;
  for (const prefix of pathPrefixes) if (pathHasPrefix(path, prefix) && prefix.length > (longest ?? -1)) longest = prefix.length;
  return longest;
}

function refusalOf({ route: { status, limits }, destination }: Candidate, { method, path }: Target): Routed | undefined {
  if (status !== 'active') return refused(status, statusMessages[status]);
  if (!allows(destination.methods, method) || !allows(limits.methods, method)) {
    return refused(
      'method_not_allowed',
      `${method} is not among the methods that this credential or its grant allows. An operator changes them with: leasehold grant add --method ${method}`,
    );
  }
  if (limits.pathPrefixes.length > 0 && !limits.pathPrefixes.some((prefix) => pathHasPrefix(path, prefix))) return pathRefusal();
  return undefined;
}

function pathRefusal(_target?: Target): Routed {
  return refused(
    'path_not_allowed',
    'This path is not among those that the credential or its grant allows. An operator changes them with: leasehold grant add --path PREFIX',
  );
}

const statusMessages: Readonly<Record<Exclude<RouteStatus, 'active'>, string>> = {
  credential_suspended: 'The credential is suspended. An operator resumes it with: leasehold credential resume NAME',
  agent_suspended: 'This agent is suspended. An operator resumes it with: leasehold agent resume NAME',
  tenant_suspended: 'This tenant is suspended. Ask its operator.',
  grant_expired: 'The grant has run out. An operator renews it with: leasehold grant add --agent AGENT --credential NAME --not-after TIME',
};

function allows(methods: readonly string[], method: string): boolean {
  return methods.length === 0 || methods.includes(method);
}

function isMetadataHost(host: string): boolean {
  return host === '169.254.169.254' || host === 'metadata.google.internal' || host === 'metadata' || host === 'fd00:ec2::254';
}

function refused(code: ErrorCode, message: string): Routed {
  return { kind: 'refused', code, message };
}
