import type { DatabaseSync } from 'node:sqlite';
import { AppError } from '@leasehold/core';
import { migrations } from './schema.ts';

/** "LEAS": tells our files from those of other programs (https://www.sqlite.org/pragma.html#pragma_application_id). */
const applicationId = 0x4c454153;

/** Only looks: throws AppError `store_unavailable` for a file that is not ours, or newer than we are. */
export function mustBeOurs(connection: DatabaseSync, path: string): void {
  if (pragma(connection, 'application_id') !== applicationId && !isEmpty(connection)) {
    throw new AppError(
      'store_unavailable',
      `The database ${path} belongs to another program. Give the broker a state directory of its own.`,
    );
  }
  const version = pragma(connection, 'user_version');
  if (version > migrations.length) {
    throw new AppError(
      'store_unavailable',
      `The database ${path} was written by a newer version (schema ${version}, this one knows ${migrations.length}). Run that version, or restore an older backup.`,
    );
  }
}

/** Brings the schema up to date, each step in a transaction of its own. */
export function migrate(connection: DatabaseSync): void {
  const version = pragma(connection, 'user_version');
  for (const [index, sql] of migrations.entries()) {
    if (index < version) continue;
    connection.exec(`BEGIN IMMEDIATE; ${sql} PRAGMA user_version = ${index + 1}; PRAGMA application_id = ${applicationId}; COMMIT;`);
  }
}

function isEmpty(connection: DatabaseSync): boolean {
  return connection.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
}

function pragma(connection: DatabaseSync, name: 'user_version' | 'application_id'): number {
  return Number(connection.prepare(`PRAGMA ${name}`).get()?.[name]);
}
