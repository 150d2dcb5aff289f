import { type AgentVariable, type AppError, agentVariables, type KnownRoute, type Route } from '@leasehold/core';

/**
 * What `GET /environment` on the ops port shows: names and placeholders, and nothing that is worth anything outside this sidecar. Asked over HTTP,
 * and not told once at start: routes come later than the listener, and change.
 */
export interface EnvironmentPage {
  /** Why the sidecar can't serve its agent now; null when it can. */
  readonly trouble: { readonly code: AppError['code']; readonly message: string } | null;
  /** Sorted by credential; empty as long as the broker has named no routes. */
  readonly variables: readonly AgentVariable[];
}

export function environmentPage(
  routes: readonly KnownRoute[] | undefined,
  proxyUrl: string,
  trouble: EnvironmentPage['trouble'],
): EnvironmentPage {
  return {
    trouble: trouble === null ? null : { code: trouble.code, message: trouble.message },
    variables: agentVariables((routes ?? []).filter(isGranted), proxyUrl),
  };
}

/** A credential that is suspended stays among them: an SDK that starts now may be used when it is resumed. */
function isGranted(route: KnownRoute): route is Route {
  return route.status !== 'not_granted';
}
