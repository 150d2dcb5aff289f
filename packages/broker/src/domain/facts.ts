import type { LogHead } from '@leasehold/core';
import type { Agent } from './agent.ts';
import type { Credential } from './credential.ts';
import type { Grant } from './grant.ts';
import type { Lease } from './lease.ts';
import type { Operator } from './operator.ts';
import type { Tenant } from './tenant.ts';

/** What was found; undefined means missing, or not of this tenant. Deleted rows are found by id only. */
export interface Facts {
  readonly head: LogHead | undefined;
  readonly tenant: Tenant | undefined;
  readonly agent: Agent | undefined;
  readonly credential: Credential | undefined;
  readonly grant: Grant | undefined;
  readonly lease: Lease | undefined;
  readonly lastUseBatch: number | undefined;
  /** When they were asked for. */
  readonly operators?: readonly Operator[];
  /** Who asks, when that was asked for: deleted meanwhile, it is missing. */
  readonly asker?: Operator | undefined;
}

/** An agent and what it may lease: what its routes are made of. */
export interface Lineage {
  readonly now: number;
  readonly tenant: Tenant;
  readonly agent: Agent;
  readonly grants: readonly { readonly grant: Grant; readonly credential: Credential }[];
  /** Credentials of the tenant without an active grant, where the tenant lets its agents discover names; else none. */
  readonly ungranted: readonly Credential[];
}
