import type { Route, RouteStatus } from '@leasehold/core';
import type { Lineage } from './facts.ts';
import { parentRefusal } from './lease-liveness.ts';

/** What a sidecar is told of its agent's grants. What is not live stays a route: its hosts must not turn into unmatched ones. */
export function routesOf({ now, tenant, agent, grants }: Lineage): readonly Route[] {
  return grants.flatMap(({ grant, credential }) => {
    const status = routeStatus(parentRefusal({ tenant, agent, grant, credential }, now));
    if (status === undefined) return [];
    const { id: credentialId, name: credentialName, version, destinations, injection, placeholder } = credential;
    return [
      { credentialId, credentialName, grantId: grant.id, version, status, destinations, injection, placeholder, limits: grant.limits },
    ];
  });
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
