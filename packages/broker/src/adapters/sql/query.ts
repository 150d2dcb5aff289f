import { AppError } from '@leasehold/core';
import type { Row } from './rows.ts';

export type SqlValue = string | number | Uint8Array | null;

/** One SQL statement with its values, in the order of its `?`. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/**
 * Work on a database, written once for every dialect: it yields statements and is handed their rows; what fails is thrown at the `yield`.
 * SQLite runs it to its end in one tick; a dialect behind a network awaits each statement.
 */
export type Query<T> = Generator<Statement, T, readonly Row[]>;

/** Runs a query that only reads, on rows as they are when it is called or later. Failures are AppErrors. */
export type RunQuery = <T>(query: Query<T>) => Promise<T>;

/** Every number of the schema is a whole one. Another would be stored, NaN as NULL, and could not be read again. */
export function statement(sql: string, ...values: readonly SqlValue[]): Statement {
  if (values.some((value) => typeof value === 'number' && !Number.isSafeInteger(value)))
    throw new AppError('internal', 'A number that no column holds was about to be stored. Nothing was changed.');
  return { sql, values };
}

/** What the queries have to know about the database that they run on. */
export interface Surroundings {
  /** Which life of the revocation log this is. */
  readonly epoch: string;
  /** The database's wall clock, ms. */
  readonly now: () => Query<number>;
}

export function orNull(value: string | number | undefined): SqlValue {
  return value ?? null;
}
