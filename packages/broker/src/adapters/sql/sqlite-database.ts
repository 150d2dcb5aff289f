import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { AppError } from '@leasehold/core';
import type { Query, Statement } from './query.ts';
import type { Row } from './rows.ts';
import { openError, storeError } from './sqlite-errors.ts';
import { migrate, mustBeOurs } from './sqlite-migrate.ts';

/** One connection with its prepared statements. Everything on it happens at once, in the tick of the call. */
export interface SqliteDatabase {
  /** Runs a query to its end. What goes wrong is an AppError; what a query throws itself comes out unchanged. */
  run<T>(query: Query<T>): T;
  /** A statement without values or rows, such as BEGIN. */
  exec(sql: string): void;
  close(): void;
}

/**
 * Opens the file, makes it (mode 0600, in a directory of mode 0700) when it is missing, and brings its schema up to date.
 * Throws AppError `store_unavailable` when it is damaged, in use by another broker, or not of this program's schema; nothing is changed then.
 */
export function openSqlite(path: string): SqliteDatabase {
  makeFile(path);
  let connection: DatabaseSync;
  try {
    connection = new DatabaseSync(path, { timeout: 0 });
  } catch (thrown) {
    throw openError(path, thrown);
  }
  try {
    // The lock is held as long as the broker lives: SQLite serves one broker. It comes first, so that a file in use is not even read.
    connection.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;');
    mustBeOurs(connection, path);
    // FULL: a commit is on the disk before it is answered. secure_delete: a dropped value leaves no ciphertext behind in free pages.
    connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA cache_size = -32768;');
    migrate(connection);
  } catch (thrown) {
    connection.close();
    throw openError(path, thrown);
  }
  return wrap(connection);
}

function makeFile(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
  } catch (thrown) {
    throw openError(path, thrown);
  }
  // SQLite would throw a log away that has no database, and whatever was acknowledged in it.
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false });
  if (statSync(path).size === 0 && log !== undefined && log.size > 0) {
    throw new AppError(
      'store_unavailable',
      `The database ${path} is empty, but its log ${path}-wal is not. Restore both from a backup, or move the log away to start empty.`,
    );
  }
}

function wrap(connection: DatabaseSync): SqliteDatabase {
  const prepared = new Map<string, { readonly statement: StatementSync; readonly hasRows: boolean }>();

  function prepare(sql: string) {
    const known = prepared.get(sql);
    if (known !== undefined) return known;
    const statement = connection.prepare(sql);
    const made = { statement, hasRows: statement.columns().length > 0 };
    prepared.set(sql, made);
    return made;
  }

  function rowsOf({ sql, values }: Statement): readonly Row[] {
    try {
      const { statement, hasRows } = prepare(sql);
      if (hasRows) return statement.all(...values);
      statement.run(...values);
      return [];
    } catch (thrown) {
      throw storeError(thrown);
    }
  }

  /** A statement that fails is the query's to handle, or to let out. */
  const resume = <T>(query: Query<T>, { sql, values }: Statement): IteratorResult<Statement, T> => {
    let rows: readonly Row[];
    try {
      rows = rowsOf({ sql, values });
    } catch (thrown) {
      return query.throw(thrown);
    }
    return query.next(rows);
  };

  return {
    run: (query) => {
      let step = query.next();
      while (step.done !== true) step = resume(query, step.value);
      return step.value;
    },
    exec: (sql) => {
      rowsOf({ sql, values: [] });
    },
    close: () => connection.close(),
  };
}
