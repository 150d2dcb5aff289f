import type { Destination } from './destination.ts';
import type { EnvironmentVariable } from './environment.ts';
import type { Injection } from './injection.ts';

export type RouteStatus = 'active' | 'credential_suspended' | 'agent_suspended' | 'tenant_suspended' | 'grant_expired';

/** One agent's way to one credential: what the broker tells a sidecar, without the secret. */
export interface Route {
  readonly credentialId: string;
  readonly credentialName: string;
  readonly grantId: string;
  readonly version: number;
  /** Not-live routes stay known: their hosts must not turn into unmatched ones. */
  readonly status: RouteStatus;
  readonly destinations: readonly Destination[];
  readonly injection: Injection;
  readonly placeholder: string | undefined;
  /** What the agent's environment is given. */
  readonly environment: readonly EnvironmentVariable[];
  /** Name of the service template that the credential was made from. */
  readonly service: string | undefined;
  readonly limits: GrantLimits;
}

/**
 * A credential that the agent has no grant on. It is told of where the tenant lets its agents discover names, so that a refusal can say
 * what to ask for; and told no more than that.
 */
export interface UngrantedRoute {
  readonly status: 'not_granted';
  readonly credentialName: string;
  /** Without certificates and private ranges. */
  readonly destinations: readonly Destination[];
}

export type KnownRoute = Route | UngrantedRoute;

/** Which requests a grant allows, on top of the destination's own limits. Empty lists mean no further limit. */
export interface RequestLimits {
  readonly methods: readonly string[];
  readonly pathPrefixes: readonly string[];
}

/** And how many of them; undefined means no limit. */
export interface GrantLimits extends RequestLimits {
  readonly ratePerMinute: number | undefined;
}
