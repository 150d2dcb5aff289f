import { AppError } from '@leasehold/core';

/** What SQLite says while the broker runs, as an AppError; AppErrors come out as they are. */
export function storeError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  switch (primaryCode(thrown)) {
    case codes.constraint:
      return new AppError('already_exists', 'Something of this name exists already. Choose another name, or change what is there.', {
        cause: thrown,
      });
    case codes.corrupt:
    case codes.notADatabase:
      return new AppError('store_unavailable', 'The database file is damaged. Stop the broker and restore the file from a backup.', {
        cause: thrown,
      });
    case codes.full:
      return new AppError('store_unavailable', 'The disk of the database is full, and nothing of this change was kept. Make room.', {
        cause: thrown,
        retryAfterS: 1,
      });
    default:
      return new AppError(
        'store_unavailable',
        'The database could not be read or written, and nothing of this change was kept. Check its disk and the broker’s log.',
        { cause: thrown, retryAfterS: 1 },
      );
  }
}

/** Why the file can't be opened. Nothing was changed. */
export function openError(path: string, thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const code = primaryCode(thrown);
  if (code === codes.busy || code === codes.locked) {
    return new AppError(
      'store_unavailable',
      `The database ${path} is in use by another broker. Stop it first, or give this one a state directory of its own.`,
      { cause: thrown },
    );
  }
  if (code === codes.corrupt || code === codes.notADatabase) {
    return new AppError(
      'store_unavailable',
      `The database ${path} is damaged, or no database at all. Nothing was changed. Restore it from a backup, or move it away to start empty.`,
      { cause: thrown },
    );
  }
  return new AppError(
    'store_unavailable',
    `The database ${path} can't be opened. Check that this user may read and write it and its directory, and that the disk has room.`,
    { cause: thrown },
  );
}

/** https://www.sqlite.org/rescode.html: the low byte of an extended code is the primary one. */
const codes = { busy: 5, locked: 6, corrupt: 11, full: 13, constraint: 19, notADatabase: 26 } as const;

function primaryCode(thrown: unknown): number | undefined {
  const extended: unknown = thrown instanceof Error && 'errcode' in thrown ? thrown.errcode : undefined;
  return typeof extended === 'number' ? extended & 0xff : undefined;
}
