import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { AppError } from '@leasehold/core';

const maxBytes = 64 * 1024;

/**
 * Reads a file that only its owner may read: a token, a key. The caller owns the buffer and wipes it.
 * Throws AppError `invalid_argument` when it is missing, loose (mode & 077), not a plain file, empty or over 64 KiB; says what to do.
 */
export async function readPrivateFile(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((cause: NodeJS.ErrnoException) => {
    throw new AppError(
      'invalid_argument',
      `${path} can't be read (${cause.code ?? 'unknown reason'}). Check that the file exists, is no link, and belongs to this user.`,
      { cause },
    );
  });
  try {
    const { mode, size, uid } = await file.stat();
    const loose = mode & 0o077;
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw new AppError('invalid_argument', `${path} is not a plain file.`);
    if (loose !== 0)
      throw new AppError('invalid_argument', `${path} can be read by others (mode ${(mode & 0o777).toString(8)}). Run: chmod 600 ${path}`);
    const me = process.geteuid?.();
    if (me !== undefined && uid !== me)
      throw new AppError('invalid_argument', `${path} belongs to another user (uid ${uid}). Run: chown ${me} ${path}`);
    if (size === 0) throw new AppError('invalid_argument', `${path} is empty.`);
    if (size > maxBytes) throw new AppError('invalid_argument', `${path} is larger than ${maxBytes} bytes: this is not a token or a key.`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
