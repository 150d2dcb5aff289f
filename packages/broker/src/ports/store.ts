import type { AppError, LogHead, Revocation, RevocationReason, RevocationScope } from '@leasehold/core';
import type { Agent } from '../domain/agent.ts';
import type { AuditRow, NewAuditEvent } from '../domain/audit-event.ts';
import type { Credential, SealedValue } from '../domain/credential.ts';
import type { WrappedDek } from '../domain/dek.ts';
import type { Facts, Lineage } from '../domain/facts.ts';
import type { Grant } from '../domain/grant.ts';
import type { Lease } from '../domain/lease.ts';
import type { Operator } from '../domain/operator.ts';
import type { Tenant } from '../domain/tenant.ts';

export type { Facts, Lineage } from '../domain/facts.ts';

/** All that a broker keeps. Implementations pass the one suite in `ports/store.suite.ts`. */
export interface Store {
  readonly ledger: Ledger;
  readonly log: RevocationLog;
  readonly directory: Directory;
  readonly listings: Listings;
  readonly keys: KeyStore;
  readonly audit: AuditTrail;
  readonly announced: Announced;
  /** Answers once the store can be read and written. Throws AppError `store_unavailable`. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** The one way to change anything. */
export interface Ledger {
  /**
   * One transaction: reads the head of the tenant's log *first*, then what `selection` names, calls `decide`, and applies what it decided, all or nothing.
   * `decide` is synchronous and pure (it may be called again with fresher facts when the store retries); `now` is the database's wall clock in ms.
   * When `decide` throws, nothing is written and the error comes out unchanged. Anything else that fails is AppError `store_unavailable`, nothing written.
   * Resolves after the commit is durable. Audit rows are part of the commit: if they can't be written, nothing is (INV-13); a decision with
   * revocations or audit rows but no tenant is refused as `internal`.
   */
  commit<T>(selection: Selection, decide: (facts: Facts, now: number) => Decision<T>): Promise<Committed<T>>;
  /**
   * The same in every tenant, in one transaction: `decide` is called once for each, as by `commit`, with its head and its row and nothing else.
   * When it throws, nothing is written anywhere. A tenant whose own rows can't be read or changed is left out whole, and named: damage in one must not
   * keep the others from being cut off.
   */
  commitEach<T>(decide: (facts: Facts, now: number) => Decision<T>): Promise<CommittedEach<T>>;
  /**
   * Marks up to `limit` leases whose time has passed as expired. Book-keeping: validity never waits for it. Returns how many it marked.
   */
  sweepExpired(limit: number): Promise<number>;
}

/** By id, or by the name that is unique among what is not deleted. */
export type Ref = { readonly id: string } | { readonly name: string };

/** What a decision wants to know. Everything below the tenant is looked up within the tenant: a foreign id is a missing one (INV-14). */
export interface Selection {
  /** Undefined only for what stands above tenants (creating one). */
  readonly tenant: Ref | undefined;
  readonly agent?: Ref;
  readonly credential?: Ref;
  /** `pair`: the active grant of the agent and credential selected above. By id: loads its agent and credential too. */
  readonly grant?: 'pair' | { readonly id: string };
  /** Loads its grant, credential and agent too. */
  readonly lease?: { readonly id: string };
  /** Those of the tenant with this name, or this id. */
  readonly operators?: Ref;
  /** The operator of the tenant who asks, by id. */
  readonly asker?: string;
  /** Highest use batch taken from this sidecar instance. */
  readonly useBatchesOf?: string;
  /** How stores with several writers lock what they read: `share` to lend, `update` to change a parent, which goes before all that lends. */
  readonly lock: 'share' | 'update';
  /** Whose turn a commit that lends takes, and how many rows it writes, about: so that no agent fills the store's queue for the others. */
  readonly turn?: { readonly of: string; readonly weight: number };
}

export interface Decision<T> {
  /** Applied in order. */
  readonly changes: readonly Change[];
  /** Appended to the tenant's log after `changes`, in order; each takes the next seq and sets `cutSeq` of the rows it names (a lease's `ended`). */
  readonly revocations: readonly NewRevocation[];
  readonly audit: readonly NewAuditEvent[];
  readonly result: T;
}

/** `cutSeq` in a put is ignored: only a revocation moves it. Name clashes throw AppError `already_exists`. */
export type Change =
  | { readonly put: 'tenant'; readonly row: Tenant }
  | { readonly put: 'operator'; readonly row: Operator }
  | { readonly drop: 'operator'; readonly id: string }
  /** Those of all tenants, but for this one. */
  | { readonly drop: 'root-operators'; readonly besides: string }
  | { readonly put: 'agent'; readonly row: Agent }
  | { readonly put: 'credential'; readonly row: Credential }
  /** Also counts one encryption on its DEK. */
  | { readonly put: 'value'; readonly row: SealedValue }
  /** Values of older versions of this credential; all of them when `below` is undefined. */
  | { readonly drop: 'values'; readonly credentialId: string; readonly below: number | undefined }
  | { readonly put: 'grant'; readonly row: Grant }
  | { readonly put: 'lease'; readonly row: Lease }
  | { readonly put: 'use-batch'; readonly instanceId: string; readonly batchSeq: number };

export interface NewRevocation {
  readonly scope: RevocationScope;
  readonly ids: readonly string[];
  readonly reason: RevocationReason;
}

export interface Committed<T> {
  readonly result: T;
  /** Head of the tenant's log after this commit. */
  readonly head: LogHead | undefined;
  /** The database's wall clock, ms, at the commit. */
  readonly at: number;
}

/** What became of a change in every tenant. */
export interface CommittedEach<T> {
  readonly committed: readonly Committed<T>[];
  readonly left: readonly LeftOut[];
}

/** A tenant in which nothing was done. */
export interface LeftOut {
  readonly tenant: string;
  readonly why: AppError;
}

/** What brokers on this database told sidecars, and those may still go by when another has taken over. */
export interface Announced {
  /** The longest `max_staleness`, ms; 0 when none was kept. */
  maxStalenessMs(): Promise<number>;
  keepMaxStaleness(ms: number): Promise<void>;
}

/** Per-tenant log of revocations: seq gap-free and in commit order. */
export interface RevocationLog {
  /**
   * Heads of these tenants by a read that *begins* after the call (promise 4 hangs on it: never from a cache). Missing tenants are left out. One whose
   * row is damaged has the error in place of a head: it must not keep those of others from being read.
   */
  heads(tenantIds: readonly string[]): Promise<ReadonlyMap<string, LogHead | AppError>>;
  /**
   * Rows with seq > `after.seq`, in order, at most `limit`; none when the log is another one than that of `after`'s epoch: a database that was
   * restored meanwhile gives the same seqs to other events. `at` is the commit's wall clock in ms.
   */
  after(tenantId: string, after: LogHead, limit: number): Promise<readonly LoggedRevocation[]>;
  /** Store-wide counter that moves with every change to a tenant, agent, credential or grant. */
  revision(): Promise<number>;
  /** Agents whose routes may have changed after `revision`: derived from their tenant, grants and credentials. */
  agentsChangedAfter(revision: number): Promise<{ readonly revision: number; readonly agentIds: readonly string[] }>;
}

export interface LoggedRevocation extends Revocation {
  readonly at: number;
}

/** Single look-ups outside a decision. */
export interface Directory {
  agentByTokenHash(hash: Uint8Array): Promise<{ readonly tenant: Tenant; readonly agent: Agent } | undefined>;
  operatorByTokenHash(hash: Uint8Array): Promise<Operator | undefined>;
  /** What `commit` would read, without a decision. */
  find(selection: Omit<Selection, 'lock' | 'turn'>): Promise<Facts>;
  /**
   * The agent with every active grant and not-deleted credential it may lease: what routes are made of. Where the tenant lets its agents
   * discover names, also its other credentials that are not deleted, at most 500 of them, sorted by name.
   */
  lineageOf(agentId: string): Promise<Lineage | undefined>;
  sealedValue(credentialId: string, version: number): Promise<SealedValue | undefined>;
}

export interface Page {
  readonly limit: number;
  /** Opaque, from the page before; undefined for the first. */
  readonly after: string | undefined;
}

export interface Listed<T> {
  readonly items: readonly T[];
  readonly next: string | undefined;
}

/** For people. Deleted rows are left out; sorted by name (grants by that of their agent), leases newest first. */
export interface Listings {
  tenants(page: Page): Promise<Listed<Tenant>>;
  operators(tenantId: string, page: Page): Promise<Listed<Operator>>;
  agents(tenantId: string, page: Page): Promise<Listed<Agent>>;
  credentials(tenantId: string, page: Page): Promise<Listed<Credential>>;
  grants(tenantId: string, page: Page): Promise<Listed<GrantListing>>;
  /** With what their status is derived from; `live` leaves out what is known to have ended. */
  leases(tenantId: string, page: Page, live: boolean): Promise<Listed<LeaseListing>>;
  /** `liveLeases` are what `leaseStatus` calls active: each is looked at. */
  counts(): Promise<{ readonly tenants: number; readonly liveLeases: number; readonly now: number }>;
  /** Leases that neither ended by themselves nor ran out; what ended with a parent counts until its time is over. Cheap, however many they are. */
  unexpiredLeases(): Promise<number>;
  /** Cheap: a broker that starts asks for it while a crowd waits for it to listen. */
  tenantCount(): Promise<number>;
}

export interface GrantListing {
  readonly grant: Grant;
  readonly agent: Agent;
  readonly credential: Credential;
}

export interface LeaseListing {
  readonly now: number;
  readonly lease: Lease;
  readonly tenant: Tenant;
  readonly agent: Agent;
  readonly credential: Credential;
  readonly grant: Grant;
}

/** Data-encryption keys, wrapped. */
export interface KeyStore {
  /** All generations of a tenant, newest first. */
  deksOf(tenantId: string): Promise<readonly WrappedDek[]>;
  dek(id: string): Promise<WrappedDek | undefined>;
  /** Throws AppError `conflict` when this tenant and generation exist already (another replica was faster). */
  addDek(dek: WrappedDek): Promise<void>;
  /** A named broker secret (session key, audit head key), wrapped by the KEK; set once: returns what is stored, which may be another's. */
  brokerKey(name: string, wrappedIfMissing: () => Promise<Uint8Array>): Promise<Uint8Array>;
}

/** The hash-chained trail of a tenant. Rows are appended by `Ledger.commit` alone. */
export interface AuditTrail {
  /** Rows with seq > after, in order, at most `limit`. */
  rows(tenantId: string, after: number, limit: number): Promise<readonly AuditRow[]>;
  /** The newest `limit` rows, oldest first. */
  newest(tenantId: string, limit: number): Promise<readonly AuditRow[]>;
  /** What the chain must end with: a MAC over (tenant, seq, hash), kept apart from the rows, so that a cut tail shows. */
  head(tenantId: string): Promise<AuditHead | undefined>;
}

export interface AuditHead {
  readonly seq: number;
  readonly hash: Uint8Array;
  /** HMAC-SHA-256 by the broker's audit key over the canonical form. */
  readonly mac: Uint8Array;
}
