import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { AdminClient } from '@leasehold/contract/admin';
import { AppError } from '@leasehold/core';

export interface Connection {
  readonly url: string;
  readonly tokenFile: string;
  readonly caFile: string;
}

const variables = ['LEASEHOLD_ADMIN_URL', 'LEASEHOLD_TOKEN_FILE', 'LEASEHOLD_CA_FILE'] as const;

/** Where a command finds its broker: three variables of the environment, or a state directory that `dev` filled. */
export async function findConnection(dir: string | undefined, env: NodeJS.ProcessEnv): Promise<Connection> {
  const [url, tokenFile, caFile] = variables.map((name) => given(env[name]));
  if (dir !== undefined || (url ?? tokenFile ?? caFile) === undefined) return readStateDirectory(stateDirectory(dir, env));
  if (url !== undefined && tokenFile !== undefined && caFile !== undefined) return { url, tokenFile, caFile };
  const missing = variables.filter((name) => given(env[name]) === undefined);
  throw new AppError(
    'invalid_argument',
    `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not set.\nSet all three of ${variables.join(', ')}, or none.`,
  );
}

/** A variable that is set to nothing is not set. */
export function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

export function stateDirectory(dir: string | undefined, env: NodeJS.ProcessEnv): string {
  return resolve(dir ?? given(env.LEASEHOLD_DIR) ?? '.leasehold');
}

async function readStateDirectory(dir: string): Promise<Connection> {
  const { url, token_file, ca_file } = await readAdminFile(dir);
  if (typeof url !== 'string' || typeof token_file !== 'string' || typeof ca_file !== 'string') {
    throw new AppError('invalid_argument', `${dir} does not say where the broker is.\nStart it again with: leasehold dev --dir ${dir}`);
  }
  return { url, tokenFile: token_file, caFile: ca_file };
}

/** What `dev` wrote down about the broker in a state directory. Throws AppError `broker_unreachable` when there is none. */
export async function readAdminFile(dir: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await readFile(join(dir, 'admin.json'), 'utf8').catch((cause: unknown) => {
    throw new AppError(
      'broker_unreachable',
      `There is no broker in ${dir}.\nStart one with: leasehold dev, or name its directory with --dir.`,
      { cause },
    );
  });
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === 'object' && found !== null ? { ...found } : {};
  } catch {
    return {};
  }
}

/** Names all that is wrong with both files at once. */
export async function connect({ url, tokenFile, caFile }: Connection): Promise<AdminClient> {
  // Loaded here: what needs no broker, such as `--help` and `completion`, must not wait for an HTTP client.
  const [{ createAdminClient }, { readPrivateFile }] = await Promise.all([
    import('@leasehold/contract/admin'),
    import('@leasehold/runtime'),
  ]);
  const [token, caPem] = await Promise.allSettled([
    readPrivateFile(tokenFile),
    readFile(caFile, 'utf8').catch((cause: unknown) => {
      throw new AppError('invalid_argument', `The CA file ${caFile} can’t be read.\nCopy the broker’s ca.pem there.`, { cause });
    }),
  ]);
  if (token.status === 'fulfilled' && caPem.status === 'fulfilled')
    return createAdminClient({ url, token: token.value.toString('utf8').trim(), caPem: caPem.value });
  const problems = [token, caPem].flatMap((each) => (each.status === 'rejected' ? [AppError.from(each.reason)] : []));
  throw new AppError('invalid_argument', problems.map(({ message }) => message).join('\n'), { cause: problems[0] });
}

/** `--tenant`, else LEASEHOLD_TENANT, else the only tenant that this operator reaches. */
export async function chooseTenant(client: AdminClient, named: string | undefined, env: NodeJS.ProcessEnv): Promise<string> {
  const wanted = named ?? given(env.LEASEHOLD_TENANT);
  if (wanted !== undefined) return wanted;
  const { items } = await client.listTenants({ limit: 2 });
  const [only] = items;
  if (only === undefined) throw new AppError('not_found', 'There is no tenant yet.\nMake one with: leasehold tenant add NAME');
  if (items.length > 1)
    throw new AppError('invalid_argument', 'There are several tenants.\nName one with --tenant, or set LEASEHOLD_TENANT.');
  return only.name;
}
