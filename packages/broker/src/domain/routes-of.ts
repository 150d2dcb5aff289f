import type { KnownRoute, RouteStatus, UngrantedRoute } from '@leasehold/core';
import type { Credential } from './credential.ts';
import type { Lineage } from './facts.ts';
import { parentRefusal } from './lease-liveness.ts';

/** What a sidecar is told of its agent's grants. What is not live stays a route: its hosts must not turn into unmatched ones. */
export function routesOf({ now, tenant, agent, grants, ungranted }: Lineage): readonly KnownRoute[] {
  const granted = grants.flatMap(({ grant, credential }) => {
    const status = routeStatus(parentRefusal({ tenant, agent, grant, credential }, now));
    if (status === undefined) return [];
    const { id: credentialId, name: credentialName, version, destinations, injection, placeholder, environment, service } = credential;
    const { id: grantId, limits } = grant;
    return [{ credentialId, credentialName, grantId, version, status, destinations, injection, placeholder, environment, service, limits }];
  });
  return agent.status === 'active' && tenant.agentsDiscoverNames ? [...granted, ...ungranted.map(toUngranted)] : granted;
}

/** Its name and where it may go, without what tells of the operator's network. */
function toUngranted({ name, destinations }: Credential): UngrantedRoute {
  return {
    status: 'not_granted',
    credentialName: name,
    destinations: destinations.map((destination) => ({ ...destination, caPem: undefined, privateCidrs: [], body: undefined })),
  };
}

function routeStatus(refusal: ReturnType<typeof parentRefusal>): RouteStatus | undefined {
  switch (refusal) {
    case undefined:
      return 'active';
    case 'tenant_suspended':
    case 'agent_suspended':
    case 'credential_suspended':
    case 'grant_expired':
      return refusal;
    default:
      return undefined;
  }
}
