import { access } from 'node:fs/promises';
import { AppError } from '@leasehold/core';
import { createFileOnce, readPrivateFile } from '@leasehold/runtime';
import type { TokenFile } from '../../ports/token-file.ts';
import { isToken } from './token.ts';

export function createTokenFile(path: string): TokenFile {
  return {
    path,
    read: async () => {
      const isThere = await access(path).then(
        () => true,
        () => false,
      );
      if (!isThere) return undefined;
      const token = (await readPrivateFile(path)).toString('utf8').trim();
      // Taken as it is, a file that was cut short would put its rest in the place of the good token.
      if (!isToken('operator', token))
        throw new AppError(
          'invalid_argument',
          `The token file ${path} holds no operator token. Restore it, or remove it to have a new one made.`,
        );
      return token;
    },
    create: async (token) => {
      const isMade = await createFileOnce(path, `${token}\n`, 0o600).catch((cause: unknown) => {
        throw new AppError('invalid_argument', `The token file ${path} can't be made. Check that this user may write to its directory.`, {
          cause,
        });
      });
      if (!isMade)
        throw new AppError('invalid_argument', `The token file ${path} can't be made: something is in its place. Look what it is.`);
    },
  };
}
