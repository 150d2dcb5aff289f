import type { CredentialResource, DestinationResource, RouteResource } from '@leasehold/contract/admin';
import type { Destination, KnownRoute, Route } from '@leasehold/core';

/** What the agent has, and what it would have to be granted: an operator may know both. */
export function knownRoutes(routes: readonly RouteResource[], credentials: readonly CredentialResource[]): readonly KnownRoute[] {
  const granted = new Set(routes.map(({ credential_id }) => credential_id));
  const others = credentials.filter(({ id }) => !granted.has(id));
  return [
    ...routes.map(toRoute),
    ...others.map(
      ({ name, destinations }): KnownRoute => ({
        status: 'not_granted',
        credentialName: name,
        destinations: destinations.map(toDestination),
      }),
    ),
  ];
}

function toRoute(route: RouteResource): Route {
  return {
    credentialId: route.credential_id,
    credentialName: route.credential,
    grantId: route.grant_id,
    version: route.version,
    status: route.status,
    destinations: route.destinations.map(toDestination),
    injection: route.injection,
    placeholder: route.placeholder ?? undefined,
    environment: [],
    service: undefined,
    limits: { methods: route.methods, pathPrefixes: route.path_prefixes, ratePerMinute: route.rate_per_minute ?? undefined },
  };
}

function toDestination({ scheme, host, port, methods, path_prefixes, ca_pem, private_cidrs, body }: DestinationResource): Destination {
  return {
    scheme,
    hostPattern: host,
    port,
    methods,
    pathPrefixes: path_prefixes,
    caPem: ca_pem ?? undefined,
    privateCidrs: private_cidrs,
    body: body ?? undefined,
  };
}
