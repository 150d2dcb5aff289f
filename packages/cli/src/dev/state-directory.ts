import { mkdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AppError } from '@leasehold/core';

/** Where `dev` keeps everything: the same directory given again starts with the same data. */
export interface StateDirectory {
  readonly path: string;
  readonly broker: string;
  readonly agentTokenFile: string;
  /** What an agent has to trust for https:// through the proxy. */
  readonly agentCa: string;
  readonly adminFile: string;
  readonly logFile: string;
}

/** Makes the directory with mode 0700; refuses one that others may enter, since keys live in it. */
export async function openStateDirectory(dir: string): Promise<StateDirectory> {
  const path = resolve(dir);
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
    throw new AppError('invalid_argument', `${path} can't be made (${cause.code}). Choose another --dir.`, { cause });
  });
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) throw new AppError('invalid_argument', `${path} can be entered by others. Run: chmod 700 ${path}`);
  return {
    path,
    broker: join(path, 'broker'),
    agentTokenFile: join(path, 'agent.token'),
    agentCa: join(path, 'agent-ca'),
    adminFile: join(path, 'admin.json'),
    logFile: join(path, 'services.log'),
  };
}

export async function exists(path: string): Promise<boolean> {
  return readFile(path).then(
    () => true,
    () => false,
  );
}
