import { AppError } from '@leasehold/core';
import type { Ledger, Selection } from '../../ports/store.ts';
import { type AuditChains, type AuditMac, createAuditChains } from './audit-chains.ts';
import { type CommitPlace, createCommitQueue } from './commit-queue.ts';
import { decideAndApply, decideAndApplyEach, noRoom, Refusal, sweep } from './ledger-query.ts';
import { type Query, type Surroundings, statement } from './query.ts';
import type { SqliteDatabase } from './sqlite-database.ts';
import { storeError } from './sqlite-errors.ts';

/** More than this in one transaction, and those at the front would wait for those at the back. */
const maxBatch = 256;
/** Nor does a transaction take another one on after this: pongs and revocations of everybody wait for the event loop. */
const maxBatchMs = 20;

interface Job {
  /** Runs inside its savepoint; returns what to do once the commit is durable. */
  readonly work: (chains: AuditChains) => () => void;
  readonly fail: (why: unknown) => void;
}

export interface SqliteLedgerOptions extends Surroundings {
  readonly database: SqliteDatabase;
  readonly auditMac: AuditMac;
  /** How much may wait for its turn, by weight; more is refused as `overloaded`. */
  readonly maxWaiting: number;
  /** Whether the disk has room for what agents ask for: what is left below that is kept for those who revoke. */
  readonly hasRoom?: () => boolean;
  /** Any clock that goes on steadily, ms. */
  readonly elapsedMs?: () => number;
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
export function createSqliteLedger({
  database,
  auditMac,
  maxWaiting,
  hasRoom = () => true,
  elapsedMs = () => performance.now(),
  ...surroundings
}: SqliteLedgerOptions): SqliteLedger {
  const waiting = createCommitQueue<Job>({ maxWeight: maxWaiting });
  let isScheduled = false;
  let isFinished = false;

  function enqueue<T>(place: CommitPlace, makeQuery: (chains: AuditChains) => Query<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (isFinished) throw new AppError('store_unavailable', 'The broker is stopping, and takes no more changes.', { retryAfterS: 1 });
      if (place !== 'first' && !hasRoom()) throw noRoom();
      const work = (chains: AuditChains) => {
        const value = database.run(makeQuery(chains));
        return () => resolve(value);
      };
      waiting.add({ work, fail: reject }, place);
      schedule();
    });
  }

  function schedule(): void {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      commitNext();
      if (!waiting.isEmpty) schedule();
    });
  }

  function next(batch: readonly Job[]): Job | undefined {
    return batch.length < maxBatch ? waiting.next() : undefined;
  }

  function commitNext(): void {
    const jobs: Job[] = [];
    const chains = createAuditChains(auditMac);
    const answers: (() => void)[] = [];
    const refused = new Map<Job, unknown>();
    try {
      database.exec('BEGIN IMMEDIATE');
      const begin = elapsedMs();
      for (let job = next(jobs); job !== undefined; job = elapsedMs() - begin < maxBatchMs ? next(jobs) : undefined) {
        jobs.push(job);
        const outcome = inSavepoint(database, chains, job);
        if (outcome.kind === 'done') answers.push(outcome.answer);
        else refused.set(job, outcome.why);
      }
      database.run(chains.sign());
      database.exec('COMMIT');
    } catch (thrown) {
      rollBack(database);
      const why = storeError(thrown);
      // As many as a batch may hold: each of them would wait as long for a database that is not there.
      for (let job = next(jobs); job !== undefined; job = next(jobs)) jobs.push(job);
      for (const job of jobs) job.fail(refused.has(job) ? refused.get(job) : why);
      return;
    }
    for (const answer of answers) answer();
    for (const [job, why] of refused) job.fail(why);
  }

  return {
    commit: (selection, decide) =>
      enqueue(placeOf(selection), (chains) => decideAndApply(surroundings, chains, selection, decide, hasRoom())),
    commitEach: (decide) => enqueue('first', (chains) => decideAndApplyEach(surroundings, chains, decide)),
    sweepExpired: (limit) => enqueue('first', () => sweep(surroundings, limit)),
    probe: () => enqueue('first', touch),
    finish: () => {
      isFinished = true;
      while (!waiting.isEmpty) commitNext();
    },
  };
}

/** Operators change parents; agents borrow. */
function placeOf({ tenant, lock, turn }: Selection): CommitPlace {
  if (lock === 'update') return 'first';
  const name = tenant === undefined ? '' : 'id' in tenant ? tenant.id : tenant.name;
  return { tenant: name, caller: turn?.of ?? '', weight: turn?.weight ?? 1 };
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
