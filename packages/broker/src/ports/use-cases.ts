import type { Destination, EnvironmentVariable, GrantLimits, Injection, KnownRoute, LogHead, RequestLimits, Route } from '@leasehold/core';
import type { Agent } from '../domain/agent.ts';
import type { AuditRow } from '../domain/audit-event.ts';
import type { Credential, CredentialType } from '../domain/credential.ts';
import type { LeaseStatus } from '../domain/lease.ts';
import type { Operator } from '../domain/operator.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { GrantListing, LeaseListing, LeftOut, Listed, Page } from './store.ts';

/** What the inbound adapters may ask for. Implemented in `app/`, one use case a file, and handed to the adapters by `compose`. */

/** The proven caller of a session: everything that an agent's call may know of itself. */
export interface SessionClaims {
  readonly tenantId: string;
  readonly agentId: string;
  readonly tokenVersion: number;
  /** The sidecar process, as it named itself. */
  readonly instanceId: string;
  readonly instanceName: string;
  /** Wall-clock ms at which the session ends. */
  readonly expiresAt: number;
}

export interface OpenedSession {
  readonly token: string;
  readonly expiresInMs: number;
  readonly tenantId: string;
  readonly tenantName: string;
  readonly agentId: string;
  readonly agentName: string;
}

/** For sidecars, over gRPC. Denials are AppErrors whose code is the reason; each is in the audit trail before it is thrown. */
export interface LendingUseCases {
  openSession(proof: { readonly agentToken: string }, instance: { readonly id: string; readonly name: string }): Promise<OpenedSession>;
  /** Checks signature and time alone; whether the agent still lives is part of every decision. Throws `identity_invalid`. */
  verifySession(token: string): SessionClaims;
  issueLease(caller: SessionClaims, ask: { readonly credentialId: string; readonly ttlMs: number }): Promise<IssuedLease>;
  renewLease(caller: SessionClaims, ask: { readonly leaseId: string; readonly ttlMs: number }): Promise<RenewedLease>;
  /** How many were live and are released now. */
  releaseLeases(caller: SessionClaims, leaseIds: readonly string[]): Promise<number>;
  recordUse(caller: SessionClaims, batch: UseBatch): Promise<void>;
  /** Throws `identity_invalid` when the agent is gone or its token was rotated. */
  routesOf(caller: Pick<SessionClaims, 'agentId' | 'tokenVersion'>): Promise<readonly KnownRoute[]>;
}

export interface IssuedLease {
  readonly leaseId: string;
  readonly grantId: string;
  readonly version: number;
  readonly ttlMs: number;
  readonly epoch: string;
  readonly issuedAtSeq: number;
  /** Of the grant, as they were when this was decided. */
  readonly limits: RequestLimits;
  /** The caller owns it and wipes it once it is sent. */
  readonly value: Uint8Array;
}

export interface RenewedLease {
  readonly leaseId: string;
  readonly ttlMs: number;
  readonly epoch: string;
  readonly issuedAtSeq: number;
}

export interface UseBatch {
  readonly batchSeq: number;
  readonly dropped: number;
  readonly records: readonly UseRecord[];
}

export interface UseRecord {
  readonly credentialId: string;
  readonly leaseId: string;
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly outcome: string;
  readonly httpStatus: number;
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

/**
 * For operators, over the admin API. `name` arguments take a name or an id. Whatever is missing, foreign or out of the operator's
 * reach is the same AppError `not_found`. Every change is audited in its own transaction.
 */
export interface AdminUseCases {
  /** Throws `identity_invalid`. */
  authenticateOperator(token: string): Promise<Operator>;

  addTenant(by: Operator, name: string): Promise<Tenant>;
  listTenants(by: Operator, page: Page): Promise<Listed<Tenant>>;
  /** Suspends, resumes or deletes... a tenant is never deleted here: suspend it. */
  setTenantStatus(by: Operator, tenant: string, status: 'active' | 'suspended'): Promise<Changed<Tenant>>;
  setTenant(by: Operator, tenant: string, settings: Pick<Tenant, 'agentsDiscoverNames'>): Promise<Tenant>;
  /** A new operator token for one tenant, shown once. */
  addOperator(by: Operator, tenant: string, name: string): Promise<{ readonly operator: Operator; readonly token: string }>;

  listOperators(by: Operator, tenant: string, page: Page): Promise<Listed<Operator>>;
  /** All of this name, or the one with this id: their tokens are good for nothing from the commit on. */
  deleteOperators(by: Operator, tenant: string, nameOrId: string): Promise<readonly Operator[]>;

  addAgent(by: Operator, tenant: string, name: string): Promise<{ readonly agent: Agent; readonly token: string }>;
  listAgents(by: Operator, tenant: string, page: Page): Promise<Listed<Agent>>;
  /** What the agent's sidecars are told of its grants. */
  agentRoutes(by: Operator, tenant: string, name: string): Promise<readonly Route[]>;
  rotateAgentToken(by: Operator, tenant: string, name: string): Promise<Changed<Agent> & { readonly token: string }>;
  setAgentStatus(by: Operator, tenant: string, name: string, status: 'active' | 'suspended' | 'deleted'): Promise<Changed<Agent>>;

  addCredential(by: Operator, tenant: string, draft: CredentialDraft, value: Uint8Array): Promise<Credential>;
  listCredentials(by: Operator, tenant: string, page: Page): Promise<Listed<Credential>>;
  showCredential(by: Operator, tenant: string, name: string): Promise<Credential>;
  /** New value, next version: leases on the old one die, new leases carry the new one. */
  rotateCredential(by: Operator, tenant: string, name: string, value: Uint8Array): Promise<Changed<Credential>>;
  setCredentialStatus(by: Operator, tenant: string, name: string, status: 'active' | 'suspended' | 'deleted'): Promise<Changed<Credential>>;

  /** Makes the grant, or changes the limits of the active one; a narrower one revokes the leases below it. */
  putGrant(by: Operator, tenant: string, draft: GrantDraft): Promise<Changed<GrantListing>>;
  listGrants(by: Operator, tenant: string, page: Page): Promise<Listed<GrantListing>>;
  /** The active one of this pair, if there is one. */
  findGrant(by: Operator, tenant: string, pair: { readonly agent: string; readonly credential: string }): Promise<GrantListing | undefined>;
  revokeGrant(
    by: Operator,
    tenant: string,
    pair: { readonly agent: string; readonly credential: string } | { readonly grantId: string },
  ): Promise<Changed<GrantListing>>;

  listLeases(by: Operator, tenant: string, page: Page, live: boolean): Promise<Listed<LeaseListing & { readonly status: LeaseStatus }>>;
  revokeLease(by: Operator, tenant: string, leaseId: string): Promise<Changed<LeaseListing>>;

  /**
   * The kill switch. Everything below dies in one transaction, by one revocation in each tenant, and stays off until it is resumed, what was
   * off before included. `killAll` is for operators of all tenants, and says which of them it had to leave because their rows are damaged.
   */
  killAll(by: Operator): Promise<{ readonly killed: readonly Changed<Tenant>[]; readonly left: readonly LeftOut[] }>;
  killTenant(by: Operator, tenant: string): Promise<Changed<Tenant>>;
  killAgent(by: Operator, tenant: string, name: string): Promise<Changed<Agent>>;

  auditRows(
    by: Operator,
    tenant: string,
    ask: { readonly after: number; readonly limit: number } | { readonly newest: number },
  ): Promise<readonly AuditRow[]>;
  /** Yields how far it came, and at the end what it found. */
  verifyAudit(by: Operator, tenant: string): AsyncIterable<AuditVerification>;

  /** Counts for `leasehold status`. */
  status(by: Operator): Promise<BrokerStatus>;
  /**
   * Follows how sidecars confirm a revocation: yields at once, some times a second while they do, and once more at the end, which is at the latest
   * `max_staleness` after the following began.
   */
  confirmations(by: Operator, tenant: string, revocation: RevocationReceipt, ended: AbortSignal): AsyncIterable<ConfirmationProgress>;
  /** The same for sidecars of all tenants, and for everything that was revoked anywhere until now. `committedAt` is what the time is counted from. */
  confirmationsOfAll(by: Operator, committedAt: number, ended: AbortSignal): AsyncIterable<ConfirmationProgress>;
}

/** A change and the revocation that it caused, if it caused one. */
export interface Changed<T> {
  readonly row: T;
  readonly revocation: RevocationReceipt | undefined;
}

export interface RevocationReceipt {
  readonly head: LogHead;
  /** The database's wall clock, ms, at the commit. */
  readonly committedAt: number;
}

/** Thousands of sidecars confirm one by one: only the last step names them all. */
export interface ConfirmationProgress {
  readonly total: number;
  readonly confirmedCount: number;
  /** Since the step before; once `done`, all. */
  readonly confirmed: readonly { readonly instance: string; readonly afterMs: number }[];
  /** A few of the sidecars not confirmed yet; once `done`, all those that closed themselves by the bound. */
  readonly outstanding: readonly string[];
  readonly elapsedMs: number;
  readonly done: boolean;
}

export interface CredentialDraft {
  readonly name: string;
  readonly type: CredentialType;
  readonly destinations: readonly Destination[];
  readonly injection: Injection;
  /** May hold `{random}`, which is filled in when it is stored. */
  readonly placeholder: string | undefined;
  readonly environment: readonly EnvironmentVariable[];
  readonly service: string | undefined;
  readonly maxTtlMs: number;
}

export interface GrantDraft {
  readonly agent: string;
  readonly credential: string;
  readonly ttlMs: number;
  readonly notAfter: number | undefined;
  readonly limits: GrantLimits;
}

export type AuditVerification =
  | { readonly done: false; readonly rows: number; readonly of: number }
  | { readonly done: true; readonly intact: true; readonly rows: number }
  /** `badSeq`: the first row that is changed, missing or out of place; one past the last row when the tail was cut off. */
  | { readonly done: true; readonly intact: false; readonly badSeq: number; readonly why: string };

export interface BrokerStatus {
  readonly version: string;
  readonly tenants: number;
  readonly sidecars: readonly {
    readonly tenantId: string;
    readonly agentId: string;
    readonly instance: string;
    readonly appliedSeq: number;
    readonly connectedForMs: number;
  }[];
  readonly liveLeases: number;
}
