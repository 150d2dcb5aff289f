import { AppError, type LogHead } from '@leasehold/core';
import type { Committed, Decision, Facts, Ledger, Selection } from '../../ports/store.ts';
import { integer } from './rows.ts';
import type { AuditChains } from './sqlite-audit.ts';
import { appendRevocation, applyChange } from './sqlite-changes.ts';
import type { SqliteDatabase } from './sqlite-database.ts';
import { readFacts } from './sqlite-facts.ts';

/** More than this in one transaction, and those at the front would wait for those at the back. */
const maxBatch = 256;

interface Job {
  /** Runs inside its savepoint; returns what to do once the commit is durable. */
  readonly work: () => () => void;
  readonly fail: (why: unknown) => void;
}

export interface SqliteLedgerOptions {
  readonly database: SqliteDatabase;
  readonly chains: AuditChains;
  readonly epoch: string;
  readonly now: () => number;
}

/**
 * Group commit: what is asked for in one turn of the event loop goes into one transaction, a savepoint each, and is answered after the
 * one durable COMMIT. The disk is waited for once, not once a lease.
 */
export function createSqliteLedger(options: SqliteLedgerOptions): Ledger {
  const { database, chains, epoch, now } = options;
  const waiting: Job[] = [];
  let isScheduled = false;

  function enqueue<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      waiting.push({
        work: () => {
          const value = work();
          return () => resolve(value);
        },
        fail: reject,
      });
      schedule();
    });
  }

  function schedule(): void {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      runBatch(waiting.splice(0, maxBatch));
      if (waiting.length > 0) schedule();
    });
  }

  function runBatch(jobs: readonly Job[]): void {
    const answers: (() => void)[] = [];
    const refused: (() => void)[] = [];
    try {
      database.exec('BEGIN IMMEDIATE');
      for (const job of jobs) {
        const mark = chains.mark();
        database.exec('SAVEPOINT one');
        try {
          answers.push(job.work());
          database.exec('RELEASE one');
        } catch (thrown) {
          database.exec('ROLLBACK TO one; RELEASE one');
          chains.rewind(mark);
          refused.push(() => job.fail(asStoreError(thrown)));
        }
      }
      chains.sign();
      database.exec('COMMIT');
    } catch (cause) {
      rollBack(database);
      const why = unavailable(cause);
      for (const job of jobs) job.fail(why);
      return;
    } finally {
      chains.forget();
    }
    for (const answer of answers) answer();
    for (const refuse of refused) refuse();
  }

  function decideAndApply<T>(selection: Selection, decide: (facts: Facts, at: number) => Decision<T>): Committed<T> {
    const at = now();
    const facts = readFacts(database, epoch, selection);
    const decision = callDecide(decide, facts, at);
    for (const change of decision.changes) applyChange(database, change, at);
    const tenantId = facts.tenant?.id ?? newTenantOf(decision);
    if (tenantId !== undefined) {
      for (const revocation of decision.revocations) appendRevocation(database, tenantId, revocation, at);
      for (const event of decision.audit) chains.append(tenantId, event, at);
    }
    const head = decision.revocations.length === 0 ? facts.head : headOf(database, epoch, tenantId);
    return { result: decision.result, head, at };
  }

  return {
    commit: (selection, decide) => enqueue(() => decideAndApply(selection, decide)),
    sweepExpired: (limit) =>
      enqueue(() =>
        database.run(
          "UPDATE leases SET ended_how = 'expired', ended_at = expires_at WHERE id IN (SELECT id FROM leases WHERE ended_how IS NULL AND expires_at <= ? LIMIT ?)",
          now(),
          limit,
        ),
      ),
  };
}

/** What `decide` throws must come out unchanged, whatever it is. */
class Refusal extends Error {
  readonly thrown: unknown;

  constructor(thrown: unknown) {
    super('refused');
    this.thrown = thrown;
  }
}

function callDecide<T>(decide: (facts: Facts, at: number) => Decision<T>, facts: Facts, at: number): Decision<T> {
  try {
    return decide(facts, at);
  } catch (thrown) {
    throw new Refusal(thrown);
  }
}

function asStoreError(thrown: unknown): unknown {
  if (thrown instanceof Refusal) return thrown.thrown;
  if (thrown instanceof AppError) return thrown;
  // https://www.sqlite.org/rescode.html#constraint_unique and constraint_primarykey
  const code: unknown = thrown instanceof Error && 'errcode' in thrown ? thrown.errcode : undefined;
  if (code === 2067 || code === 1555) {
    return new AppError('already_exists', 'Something of this name exists already. Choose another name, or change what is there.', {
      cause: thrown,
    });
  }
  return unavailable(thrown);
}

function unavailable(cause: unknown): AppError {
  return new AppError(
    'store_unavailable',
    'The database could not take this change, and nothing of it was kept. Check the disk and the broker’s log.',
    { cause, retryAfterS: 1 },
  );
}

function rollBack(database: SqliteDatabase): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // SQLite rolled back by itself (https://www.sqlite.org/lang_transaction.html, "response to errors").
  }
}

function newTenantOf(decision: Decision<unknown>): string | undefined {
  for (const change of decision.changes) if ('put' in change && change.put === 'tenant') return change.row.id;
  return undefined;
}

function headOf(database: SqliteDatabase, epoch: string, tenantId: string | undefined): LogHead | undefined {
  const row = tenantId === undefined ? undefined : database.get('SELECT log_seq FROM tenants WHERE id = ?', tenantId);
  return row && { epoch, seq: integer(row, 'log_seq') };
}
