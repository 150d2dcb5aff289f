import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AgentTrust, trustVariables } from '@leasehold/core';

/**
 * Files for the variables with which the user has named certificates of their own: those and the sidecar's together, so that neither is lost.
 * A file that can't be read is left to the client, which will say so.
 */
export async function joinTrust(env: NodeJS.ProcessEnv, { certificateFile }: AgentTrust, dir: string): Promise<Record<string, string>> {
  const ours = await readFile(certificateFile, 'utf8');
  const joined: Record<string, string> = {};
  const written = new Map<string, string>();
  for (const name of trustVariables) {
    const theirs = env[name] ?? '';
    if (theirs === '') continue;
    const known = written.get(theirs);
    if (known !== undefined) {
      joined[name] = known;
      continue;
    }
    const certificates = await readFile(theirs, 'utf8').catch(() => undefined);
    if (certificates === undefined) continue;
    const path = join(dir, `joined-${written.size}.pem`);
    await writeFile(path, `${certificates}\n${ours}`);
    written.set(theirs, path);
    joined[name] = path;
  }
  return joined;
}
