import type { AdminClient } from '@leasehold/contract/admin';
import { AppError } from '@leasehold/core';
import { replaceFile } from '@leasehold/runtime';
import { exists } from './state-directory.ts';

export const devName = 'dev';

/** One tenant and one agent, and the agent's token in a file. A token that got lost is replaced. */
export async function provisionDevAgent(client: AdminClient, tokenFile: string): Promise<void> {
  await unlessThere(() => client.addTenant(devName));
  const added = await unlessThere(() => client.addAgent(devName, devName));
  if (added !== undefined) await replaceFile(tokenFile, `${added.token}\n`, 0o600);
  else if (!(await exists(tokenFile))) await renewDevToken(client, tokenFile);
}

export async function renewDevToken(client: AdminClient, tokenFile: string): Promise<void> {
  const { token } = await client.rotateAgentToken(devName, devName);
  await replaceFile(tokenFile, `${token}\n`, 0o600);
}

async function unlessThere<T>(add: () => Promise<T>): Promise<T | undefined> {
  try {
    return await add();
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.code === 'already_exists') return undefined;
    throw thrown;
  }
}
