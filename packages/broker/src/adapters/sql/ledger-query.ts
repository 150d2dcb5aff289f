import { AppError } from '@leasehold/core';
import type { Committed, CommittedEach, Decision, Facts, LeftOut, Selection } from '../../ports/store.ts';
import type { AuditChains } from './audit-chains.ts';
import { applyChange } from './change-query.ts';
import { readFacts, readHead } from './facts-query.ts';
import { type Query, type Surroundings, statement } from './query.ts';
import { appendRevocation } from './revocation-query.ts';
import { text } from './rows.ts';

/** What `decide` threw, whatever it is: it has to come out of the store unchanged. */
export class Refusal extends Error {
  readonly thrown: unknown;

  constructor(thrown: unknown) {
    super('refused');
    this.thrown = thrown;
  }
}

/** One commit inside an open transaction: facts, decision, changes, revocations, audit. What is left of a full disk is for what takes away. */
export function* decideAndApply<T>(
  { epoch, now }: Surroundings,
  chains: AuditChains,
  selection: Selection,
  decide: (facts: Facts, now: number) => Decision<T>,
  hasRoom = true,
): Query<Committed<T>> {
  const facts = yield* readFacts(epoch, selection);
  const at = yield* now();
  const decision = callDecide(decide, facts, at);
  const { changes, revocations, audit, result } = decision;
  if (!hasRoom && revocations.length === 0 && changes.length > 0 && !changes.some((each) => 'drop' in each)) throw noRoom();
  for (const change of changes) yield* applyChange(change, at);
  const tenantId = facts.tenant?.id ?? newTenantOf(decision);
  if (tenantId === undefined) {
    // INV-13: a record that no trail can hold must not be dropped in silence.
    if (revocations.length + audit.length > 0)
      throw new AppError('internal', 'This change has no tenant whose trail could hold its record.');
    return { result, head: undefined, at };
  }
  for (const revocation of revocations) yield* appendRevocation(tenantId, revocation, at);
  for (const event of audit) yield* chains.append(tenantId, event, at, facts.tenant === undefined);
  const isHeadKnown = facts.head !== undefined && revocations.length === 0;
  return { result, head: isHeadKnown ? facts.head : yield* readHead(epoch, tenantId), at };
}

/** The same for every tenant, in the order of their ids, so that two of these never wait for each other crosswise. */
export function* decideAndApplyEach<T>(
  surroundings: Surroundings,
  chains: AuditChains,
  decide: (facts: Facts, now: number) => Decision<T>,
): Query<CommittedEach<T>> {
  const committed: Committed<T>[] = [];
  const left: LeftOut[] = [];
  for (const row of yield statement('SELECT id, name FROM tenants ORDER BY id')) {
    const { name } = row;
    const mark = chains.mark();
    yield statement('SAVEPOINT tenant');
    try {
      const done = yield* decideAndApply(surroundings, chains, { tenant: { id: text(row, 'id') }, lock: 'update' }, decide);
      yield statement('RELEASE tenant');
      committed.push(done);
    } catch (thrown) {
      if (!(thrown instanceof AppError)) throw thrown;
      yield statement('ROLLBACK TO tenant');
      yield statement('RELEASE tenant');
      chains.rewind(mark);
      left.push({ tenant: typeof name === 'string' ? name : 'one without a readable name', why: thrown });
    }
  }
  return { committed, left };
}

/** Marks leases whose time has passed; returns how many. */
export function* sweep({ now }: Surroundings, limit: number): Query<number> {
  const rows = yield statement(
    `UPDATE leases SET ended_how = 'expired', ended_at = expires_at
     WHERE id IN (SELECT id FROM leases WHERE ended_how IS NULL AND expires_at <= ? LIMIT ?) RETURNING id`,
    yield* now(),
    limit,
  );
  return rows.length;
}

function callDecide<T>(decide: (facts: Facts, now: number) => Decision<T>, facts: Facts, at: number): Decision<T> {
  try {
    return decide(facts, at);
  } catch (thrown) {
    throw new Refusal(thrown);
  }
}

function newTenantOf({ changes }: Decision<unknown>): string | undefined {
  for (const change of changes) if ('put' in change && change.put === 'tenant') return change.row.id;
  return undefined;
}

export function noRoom(): AppError {
  return new AppError('store_unavailable', 'The disk of the database is nearly full. Make room.', { retryAfterS: 5 });
}
