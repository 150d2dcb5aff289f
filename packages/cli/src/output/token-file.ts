import { type FileHandle, open, rm } from 'node:fs/promises';
import { AppError } from '@leasehold/core';

/** What a command shows of a token that it made: the token itself, or the file that holds it. */
export type ShownToken = { readonly token: string } | { readonly token_file: string };

/**
 * Makes a token and says how to show it. With a `path` it goes into a new file (mode 0600), which is there before the token is made:
 * a file that can't be had must not cost an agent its old token.
 */
export async function keepToken<T extends { readonly token: string }>(
  path: string | undefined,
  make: () => Promise<T>,
): Promise<{ readonly made: T; readonly shown: ShownToken; readonly text: string }> {
  if (path === undefined) {
    const made = await make();
    return { made, shown: { token: made.token }, text: made.token };
  }
  const file = await reserve(path);
  try {
    const made = await make();
    await file.writeFile(`${made.token}\n`);
    await file.sync();
    return { made, shown: { token_file: path }, text: `in ${path}` };
  } catch (thrown) {
    await rm(path, { force: true });
    throw thrown;
  } finally {
    await file.close();
  }
}

async function reserve(path: string): Promise<FileHandle> {
  return open(path, 'wx', 0o600).catch((cause: NodeJS.ErrnoException) => {
    throw new AppError(
      'invalid_argument',
      `The token file ${path} can’t be made (${cause.code}), so nothing was changed.\n${cause.code === 'EEXIST' ? 'Name a file that is not there yet' : 'Name a file in a folder that is there, and that you may write to'}.`,
      {
        cause,
      },
    );
  });
}
