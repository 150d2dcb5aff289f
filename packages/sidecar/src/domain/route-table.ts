import type { Destination, KnownRoute, Route, UngrantedRoute } from '@leasehold/core';
import { type PathSegment, pathSegment } from './path-segment.ts';
import { indexPlaceholders, type PlaceholderIndex } from './placeholder-index.ts';

/** Routes, ready for look-ups by host pattern and by name. Made once for each list that the broker sends. */
export interface RouteTable {
  /** What operators call the agent; undefined before its session said so. */
  readonly agent: string | undefined;
  readonly byHost: ReadonlyMap<string, readonly Candidate[]>;
  readonly byName: ReadonlyMap<string, readonly Candidate[]>;
  /** Undefined when no route has a placeholder that would name it. */
  readonly placeholders: PlaceholderIndex | undefined;
  /** What the agent may know of, and has no grant on. */
  readonly ungranted: readonly UngrantedRoute[];
}

export interface Candidate {
  readonly route: Route;
  readonly destination: Destination;
  /** Where the credential is a path segment, which policy does not judge. */
  readonly segment: PathSegment | undefined;
}

export const emptyRouteTable: RouteTable = {
  agent: undefined,
  byHost: new Map(),
  byName: new Map(),
  placeholders: undefined,
  ungranted: [],
};

export function compileRoutes(routes: readonly KnownRoute[], agent?: string): RouteTable {
  const byHost = new Map<string, Candidate[]>();
  const byName = new Map<string, Candidate[]>();
  const granted: Route[] = [];
  const ungranted: UngrantedRoute[] = [];
  for (const route of routes) {
    if (route.status === 'not_granted') {
      ungranted.push(route);
      continue;
    }
    granted.push(route);
    const { injection, placeholder } = route;
    const segment = injection.kind === 'path' ? pathSegment(injection.template, placeholder) : undefined;
    const named = listIn(byName, route.credentialName);
    for (const destination of route.destinations) {
      listIn(byHost, destination.hostPattern).push({ route, destination, segment });
      // A pattern names no host that a base URL could stand for.
      if (!destination.hostPattern.startsWith('*.')) named.push({ route, destination, segment });
    }
  }
  return { agent, byHost, byName, placeholders: indexPlaceholders(granted), ungranted };
}

function listIn<Entry>(lists: Map<string, Entry[]>, key: string): Entry[] {
  const known = lists.get(key);
  if (known !== undefined) return known;
  const made: Entry[] = [];
  lists.set(key, made);
  return made;
}
