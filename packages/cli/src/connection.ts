import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type AdminClient, createAdminClient } from '@leasehold/contract/admin';
import { AppError } from '@leasehold/core';
import { readPrivateFile } from '@leasehold/runtime';

export interface Connection {
  readonly url: string;
  readonly tokenFile: string;
  readonly caFile: string;
}

/** Where a command finds its broker: three variables of the environment, or a state directory that `dev` filled. */
export async function findConnection(dir: string | undefined, env: NodeJS.ProcessEnv): Promise<Connection> {
  const { LEASEHOLD_ADMIN_URL: url, LEASEHOLD_TOKEN_FILE: tokenFile, LEASEHOLD_CA_FILE: caFile } = env;
  if (dir === undefined && (url ?? tokenFile ?? caFile) !== undefined) {
    const missing = Object.entries({ LEASEHOLD_ADMIN_URL: url, LEASEHOLD_TOKEN_FILE: tokenFile, LEASEHOLD_CA_FILE: caFile }).filter(
      ([, value]) => value === undefined,
    );
    if (url === undefined || tokenFile === undefined || caFile === undefined) {
      throw new AppError(
        'invalid_argument',
        `${missing.map(([name]) => name).join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not set.\nSet all three of LEASEHOLD_ADMIN_URL, LEASEHOLD_TOKEN_FILE and LEASEHOLD_CA_FILE, or none.`,
      );
    }
    return { url, tokenFile, caFile };
  }
  return readStateDirectory(stateDirectory(dir, env));
}

export function stateDirectory(dir: string | undefined, env: NodeJS.ProcessEnv): string {
  return resolve(dir ?? env.LEASEHOLD_DIR ?? '.leasehold');
}

async function readStateDirectory(dir: string): Promise<Connection> {
  const path = join(dir, 'admin.json');
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AppError(
      'broker_unreachable',
      `There is no broker in ${dir}.\nStart one with: leasehold dev, or name its directory with --dir.`,
      { cause },
    );
  });
  const found: unknown = JSON.parse(text);
  const { url, token_file, ca_file } =
    typeof found === 'object' && found !== null ? { url: undefined, token_file: undefined, ca_file: undefined, ...found } : {};
  if (typeof url !== 'string' || typeof token_file !== 'string' || typeof ca_file !== 'string') {
    throw new AppError('invalid_argument', `${path} does not say where the broker is.\nStart it again with: leasehold dev --dir ${dir}`);
  }
  return { url, tokenFile: token_file, caFile: ca_file };
}

export async function connect({ url, tokenFile, caFile }: Connection): Promise<AdminClient> {
  const token = (await readPrivateFile(tokenFile)).toString('utf8').trim();
  const caPem = await readFile(caFile, 'utf8').catch((cause: unknown) => {
    throw new AppError('invalid_argument', `The CA file ${caFile} can't be read.\nCopy the broker's ca.pem there.`, { cause });
  });
  return createAdminClient({ url, token, caPem });
}

/** `--tenant`, else LEASEHOLD_TENANT, else the only tenant that this operator reaches. */
export async function chooseTenant(client: AdminClient, given: string | undefined, env: NodeJS.ProcessEnv): Promise<string> {
  const wanted = given ?? env.LEASEHOLD_TENANT;
  if (wanted !== undefined) return wanted;
  const { items } = await client.listTenants({ limit: 2 });
  const [only] = items;
  if (only === undefined) throw new AppError('not_found', 'There is no tenant yet.\nMake one with: leasehold tenant add NAME');
  if (items.length > 1)
    throw new AppError('invalid_argument', 'There are several tenants.\nName one with --tenant, or set LEASEHOLD_TENANT.');
  return only.name;
}
