import { access, link, open, unlink } from 'node:fs/promises';
import { AppError } from '@leasehold/core';
import { readPrivateFile } from '@leasehold/runtime';
import type { TokenFile } from '../../ports/token-file.ts';

export function createTokenFile(path: string): TokenFile {
  return {
    path,
    read: async () => {
      const isThere = await access(path).then(
        () => true,
        () => false,
      );
      return isThere ? (await readPrivateFile(path)).toString('utf8').trim() : undefined;
    },
    create: async (token) => {
      const draft = `${path}.${process.pid}.new`;
      try {
        const file = await open(draft, 'wx', 0o600);
        await file.writeFile(`${token}\n`);
        await file.sync();
        await file.close();
        await link(draft, path);
        await unlink(draft);
      } catch (cause) {
        throw new AppError(
          'invalid_argument',
          `The token file ${path} can't be made. Check that this user may write to its directory and that nothing is in its place.`,
          { cause },
        );
      }
    },
  };
}
