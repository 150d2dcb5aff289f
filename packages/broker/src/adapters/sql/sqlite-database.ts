import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { AppError } from '@leasehold/core';
import { migrations } from './schema.ts';

export type SqlValue = string | number | Uint8Array | null;

/** One connection with its prepared statements: each text is prepared once. */
export interface SqliteDatabase {
  all(sql: string, ...values: readonly SqlValue[]): readonly Readonly<Record<string, unknown>>[];
  get(sql: string, ...values: readonly SqlValue[]): Readonly<Record<string, unknown>> | undefined;
  /** How many rows changed. */
  run(sql: string, ...values: readonly SqlValue[]): number;
  exec(sql: string): void;
  close(): void;
}

/**
 * Opens the file, makes it (mode 0600, in a directory of mode 0700) when it is missing, and brings its schema up to date.
 * Throws AppError `store_unavailable` when it is corrupt, in use by another broker, or newer than this program; nothing is changed then.
 */
export function openSqlite(path: string): SqliteDatabase {
  if (path !== ':memory:') makeFile(path);
  const connection = new DatabaseSync(path, { enableForeignKeyConstraints: true });
  try {
    // The lock is held as long as the broker lives: SQLite serves one broker.
    connection.exec(
      'PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE; COMMIT;',
    );
    migrate(connection, path);
  } catch (cause) {
    connection.close();
    throw cannotOpen(path, cause);
  }
  return wrap(connection);
}

function makeFile(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (!existsSync(path)) closeSync(openSync(path, 'wx', 0o600));
    chmodSync(path, 0o600);
  } catch (cause) {
    throw new AppError(
      'store_unavailable',
      `The database ${path} can't be made or opened. Check that this user may write to its directory.`,
      { cause },
    );
  }
}

function migrate(connection: DatabaseSync, path: string): void {
  const { user_version: version } = connection.prepare('PRAGMA user_version').get() ?? {};
  const from = Number(version);
  if (from > migrations.length) {
    throw new AppError(
      'store_unavailable',
      `The database ${path} was written by a newer version (schema ${from}, this one knows ${migrations.length}). Run that version, or restore an older backup.`,
    );
  }
  for (const [index, sql] of migrations.entries()) {
    if (index < from) continue;
    connection.exec(`BEGIN IMMEDIATE; ${sql} PRAGMA user_version = ${index + 1}; COMMIT;`);
  }
}

function cannotOpen(path: string, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  const number: unknown = cause instanceof Error && 'errcode' in cause ? cause.errcode : undefined;
  // https://www.sqlite.org/rescode.html: 5 SQLITE_BUSY, 6 SQLITE_LOCKED
  if (number === 5 || number === 6) {
    return new AppError(
      'store_unavailable',
      `The database ${path} is in use by another broker. Stop it first, or give this one a state directory of its own.`,
      { cause },
    );
  }
  return new AppError(
    'store_unavailable',
    `The database ${path} can't be read (it may be corrupt). Nothing was changed. Restore it from a backup, or move it away to start empty.`,
    { cause },
  );
}

function wrap(connection: DatabaseSync): SqliteDatabase {
  const prepared = new Map<string, StatementSync>();
  const statement = (sql: string): StatementSync => {
    const known = prepared.get(sql);
    if (known !== undefined) return known;
    const made = connection.prepare(sql);
    prepared.set(sql, made);
    return made;
  };
  return {
    all: (sql, ...values) => statement(sql).all(...values),
    get: (sql, ...values) => statement(sql).get(...values),
    run: (sql, ...values) => Number(statement(sql).run(...values).changes),
    exec: (sql) => connection.exec(sql),
    close: () => connection.close(),
  };
}
