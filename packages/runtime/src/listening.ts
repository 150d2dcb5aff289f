import cluster from 'node:cluster';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { AppError } from '@leasehold/core';

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** Names the listener in errors: `proxy`, `metrics`. */
  readonly what: string;
}

/**
 * Listens, and closes with all its connections when `ended` aborts.
 * Throws AppError `invalid_argument` that names the port and the setting when it can't.
 */
export async function listening(
  server: Server & { closeAllConnections?: () => void },
  { host, port, what }: ListenOptions,
  ended: AbortSignal,
): Promise<AddressInfo> {
  // A worker asks its primary for the port, and nothing else may keep it alive while it waits for the answer.
  if (cluster.isWorker) process.channel?.ref();
  server.listen({ host, port });
  try {
    await once(server, 'listening', { signal: ended });
  } catch (cause) {
    throw cannotListen(cause, { host, port, what });
  } finally {
    if (cluster.isWorker) process.channel?.unref();
  }
  ended.addEventListener(
    'abort',
    () => {
      server.close();
      server.closeAllConnections?.();
    },
    { once: true },
  );
  const address = server.address();
  if (address === null || typeof address === 'string') throw new AppError('internal', `The ${what} listener has no port.`);
  return address;
}

function cannotListen(cause: unknown, { host, port, what }: ListenOptions): AppError {
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'EADDRINUSE')
    return new AppError(
      'invalid_argument',
      `Port ${port} on ${host} is taken, so the ${what} listener can't start. Stop what uses it, or set --${what}-port (0 means any free port).`,
      { cause },
    );
  if (code === 'EACCES')
    return new AppError('invalid_argument', `This user may not listen on port ${port} of ${host}. Set --${what}-port to 1024 or above.`, {
      cause,
    });
  if (code === 'EADDRNOTAVAIL')
    return new AppError('invalid_argument', `${host} is not an address of this machine. Check --${what}-host.`, { cause });
  return new AppError('internal', `The ${what} listener on ${host}:${port} failed to start.`, { cause });
}
