import { AppError } from '@leasehold/core';

/** A row as a driver gives it. */
export type Row = Readonly<Record<string, unknown>>;

/** Rows that somebody else put further than this behind the end of a log or a trail are in nobody's way. */
export const strayWindow: number = 2 ** 32;

/** Typed reading of columns; what has another type than the schema says is AppError `store_unavailable`, never a guess. */
export function text(row: Row, column: string): string {
  const value = row[column];
  return typeof value === 'string' ? value : wrongType(column);
}

export function optionalText(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : text(row, column);
}

/** PostgreSQL gives 64-bit integers as text. */
export function integer(row: Row, column: string): number {
  const value = row[column];
  const number = typeof value === 'string' ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : wrongType(column);
}

export function optionalInteger(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : integer(row, column);
}

export function bytes(row: Row, column: string): Uint8Array {
  const value = row[column];
  return value instanceof Uint8Array ? value : wrongType(column);
}

/** For what is compared with bytes of ours: what are no bytes any more fit nothing, and must not keep from being read, or taken away, what is beside them. */
export function bytesOrNone(row: Row, column: string): Uint8Array {
  const value = row[column];
  return value instanceof Uint8Array ? value : new Uint8Array();
}

export function oneOf<const T extends readonly string[]>(row: Row, column: string, allowed: T): T[number] {
  const value = text(row, column);
  const found = allowed.find((each) => each === value);
  return found ?? wrongType(column);
}

/** JSON that we wrote ourselves, in a column that nothing else writes. */
export function json<T>(row: Row, column: string): T {
  try {
    return JSON.parse(text(row, column));
  } catch {
    return wrongType(column);
  }
}

function wrongType(column: string): never {
  throw new AppError('store_unavailable', `The database holds something unreadable in column ${column}. Restore it from a backup.`);
}
