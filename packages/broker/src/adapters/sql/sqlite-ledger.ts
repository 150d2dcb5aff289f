import { AppError } from '@leasehold/core';
import type { Ledger } from '../../ports/store.ts';
import { type AuditChains, type AuditMac, createAuditChains } from './audit-chains.ts';
import { decideAndApply, decideAndApplyEach, Refusal, sweep } from './ledger-query.ts';
import { type Query, type Surroundings, statement } from './query.ts';
import type { SqliteDatabase } from './sqlite-database.ts';
import { storeError } from './sqlite-errors.ts';

/** More than this in one transaction, and those at the front would wait for those at the back. */
const maxBatch = 256;

interface Job {
  /** Runs inside its savepoint; returns what to do once the commit is durable. */
  readonly work: (chains: AuditChains) => () => void;
  readonly fail: (why: unknown) => void;
}

export interface SqliteLedgerOptions extends Surroundings {
  readonly database: SqliteDatabase;
  readonly auditMac: AuditMac;
  /** How many commits may wait for their turn; more are refused as `overloaded`. */
  readonly maxWaiting: number;
}

export interface SqliteLedger extends Ledger {
  /** Resolves when a write of no consequence is durable. */
  probe(): Promise<void>;
  /** Commits what waits, and refuses what comes later. */
  finish(): void;
}

/**
 * Group commit: what is asked for in one turn of the event loop goes into one transaction, a savepoint each, and is answered after the
 * one durable COMMIT. The disk is waited for once, not once a lease.
 */
export function createSqliteLedger({ database, auditMac, maxWaiting, ...surroundings }: SqliteLedgerOptions): SqliteLedger {
  const waiting: Job[] = [];
  let isScheduled = false;
  let isFinished = false;

  function enqueue<T>(makeQuery: (chains: AuditChains) => Query<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (isFinished) throw new AppError('store_unavailable', 'The broker is stopping, and takes no more changes.', { retryAfterS: 1 });
      if (waiting.length >= maxWaiting) {
        throw new AppError('overloaded', 'Too many changes wait for the database. Try again shortly.', { retryAfterS: 1 });
      }
      waiting.push({
        work: (chains) => {
          const value = database.run(makeQuery(chains));
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
      commitNext();
      if (waiting.length > 0) schedule();
    });
  }

  function commitNext(): void {
    const jobs = waiting.splice(0, maxBatch);
    const chains = createAuditChains(auditMac);
    const answers: (() => void)[] = [];
    const refused = new Map<Job, unknown>();
    try {
      database.exec('BEGIN IMMEDIATE');
      for (const job of jobs) {
        const outcome = inSavepoint(database, chains, job);
        if (outcome.kind === 'done') answers.push(outcome.answer);
        else refused.set(job, outcome.why);
      }
      database.run(chains.sign());
      database.exec('COMMIT');
    } catch (thrown) {
      rollBack(database);
      const why = storeError(thrown);
      for (const job of jobs) job.fail(refused.has(job) ? refused.get(job) : why);
      return;
    }
    for (const answer of answers) answer();
    for (const [job, why] of refused) job.fail(why);
  }

  return {
    commit: (selection, decide) => enqueue((chains) => decideAndApply(surroundings, chains, selection, decide)),
    commitEach: (decide) => enqueue((chains) => decideAndApplyEach(surroundings, chains, decide)),
    sweepExpired: (limit) => enqueue(() => sweep(surroundings, limit)),
    probe: () => enqueue(touch),
    finish: () => {
      isFinished = true;
      while (waiting.length > 0) commitNext();
    },
  };
}

type Outcome = { readonly kind: 'done'; readonly answer: () => void } | { readonly kind: 'refused'; readonly why: unknown };

/** One job of the batch: what it wrote stays or goes as a whole. Throws when the transaction itself is gone. */
function inSavepoint(database: SqliteDatabase, chains: AuditChains, job: Job): Outcome {
  const mark = chains.mark();
  database.exec('SAVEPOINT one');
  try {
    const answer = job.work(chains);
    database.exec('RELEASE one');
    return { kind: 'done', answer };
  } catch (thrown) {
    try {
      database.exec('ROLLBACK TO one');
      database.exec('RELEASE one');
    } catch {
      // SQLite ended the whole transaction by itself (full disk, I/O error): that is why nothing of the batch may be answered.
      throw thrown;
    }
    chains.rewind(mark);
    return { kind: 'refused', why: thrown instanceof Refusal ? thrown.thrown : storeError(thrown) };
  }
}

function rollBack(database: SqliteDatabase): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // Rolled back already (https://www.sqlite.org/lang_transaction.html, "response to errors").
  }
}

function* touch(): Query<void> {
  yield statement('UPDATE store_state SET revision = revision WHERE id = 1');
}
