import type { Destination } from './destination.ts';
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
  readonly limits: RequestLimits;
}

/** What a grant allows on top of the destination's own limits. Empty lists and undefined mean no further limit. */
export interface RequestLimits {
  readonly methods: readonly string[];
  readonly pathPrefixes: readonly string[];
  readonly ratePerMinute: number | undefined;
}
