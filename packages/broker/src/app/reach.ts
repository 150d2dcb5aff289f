import { AppError } from '@leasehold/core';
import type { AuditActor } from '../domain/audit-event.ts';
import type { Facts } from '../domain/facts.ts';
import type { Operator } from '../domain/operator.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { RevocationSignal } from '../ports/revocation-signal.ts';
import type { Committed, Decision, Ledger, Ref, Selection } from '../ports/store.ts';
import type { RevocationReceipt } from '../ports/use-cases.ts';

/** Missing, foreign and out of reach are one answer (INV-14). */
export function notFound(what: string, name: string): AppError {
  return new AppError('not_found', `There is no ${what} "${name}". List what there is with: leasehold ${what} list`);
}

export function refOf(nameOrId: string): Ref {
  return /^[a-z]{3}_[0-9a-f]{32}$/.test(nameOrId) ? { id: nameOrId } : { name: nameOrId };
}

export function actorOf(by: Operator): AuditActor {
  return { kind: 'operator', id: by.id };
}

/** The tenant, if this operator may touch it; else the same `not_found` as for one that is not there. */
export function reached(by: Operator, tenant: Tenant | undefined, name: string): Tenant {
  if (tenant === undefined || (by.tenantId !== undefined && by.tenantId !== tenant.id)) throw notFound('tenant', name);
  return tenant;
}

/** A request may be under way for as long as its body takes: who was deleted meanwhile gets nothing done by it. */
function mustStillBe(by: Operator, { asker }: Facts): void {
  if (by.tenantId !== undefined && asker === undefined)
    throw new AppError('identity_invalid', 'This operator was deleted. Ask an operator of all tenants for a new token.');
}

/** What stands above tenants is for operators of all tenants. */
export function mustReachAll(by: Operator): void {
  if (by.tenantId !== undefined)
    throw new AppError('forbidden', 'This operator token is for one tenant. Use the token of an operator of all tenants.');
}

export interface Administering {
  readonly ledger: Ledger;
  readonly signal: RevocationSignal;
}

export interface Unchanged<T> extends Decision<T> {
  /** Before, so that whoever asks again, because the first answer was lost, can follow who has confirmed it. */
  readonly wasRevoked: boolean;
}

/** There is nothing to do. */
export function unchanged<T>(result: T, { wasRevoked = false }: { readonly wasRevoked?: boolean } = {}): Unchanged<T> {
  return { changes: [], revocations: [], audit: [], result, wasRevoked };
}

/**
 * One change within a tenant: the reach is checked inside the transaction, and watchers are woken up after the commit, never before.
 */
export async function change<T>(
  { ledger, signal }: Administering,
  by: Operator,
  tenantName: string,
  selection: Omit<Selection, 'tenant' | 'lock'>,
  decide: (facts: Facts & { readonly tenant: Tenant }, now: number) => Decision<T> | Unchanged<T>,
): Promise<Committed<T> & { readonly revocation: RevocationReceipt | undefined }> {
  let revokes = false;
  const asker = by.tenantId === undefined ? {} : { asker: by.id };
  const committed = await ledger.commit({ ...selection, ...asker, tenant: refOf(tenantName), lock: 'update' }, (facts, now) => {
    const tenant = reached(by, facts.tenant, tenantName);
    mustStillBe(by, facts);
    const decision = decide({ ...facts, tenant }, now);
    revokes = decision.revocations.length > 0 || ('wasRevoked' in decision && decision.wasRevoked);
    return decision;
  });
  signal.notify();
  const { head, at } = committed;
  return { ...committed, revocation: revokes && head !== undefined ? { head, committedAt: at } : undefined };
}
