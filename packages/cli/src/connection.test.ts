import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connect, findConnection } from './connection.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'leasehold-connection-'));
});

afterEach(() => rm(dir, { recursive: true }));

const three = { LEASEHOLD_ADMIN_URL: 'https://broker:7443', LEASEHOLD_TOKEN_FILE: '/t', LEASEHOLD_CA_FILE: '/c' };
const fromDir = { url: 'https://localhost:1', tokenFile: '/dir/t', caFile: '/dir/c' };

async function writeState(): Promise<void> {
  await writeFile(join(dir, 'admin.json'), JSON.stringify({ url: fromDir.url, token_file: fromDir.tokenFile, ca_file: fromDir.caFile }));
}

describe('where the broker is', () => {
  test('three variables name it', async () => {
    expect(await findConnection(undefined, three)).toEqual({ url: 'https://broker:7443', tokenFile: '/t', caFile: '/c' });
  });

  test('--dir goes before the variables, and they before LEASEHOLD_DIR', async () => {
    await writeState();
    expect(await findConnection(dir, three)).toEqual(fromDir);
    expect((await findConnection(undefined, { ...three, LEASEHOLD_DIR: dir })).url).toBe('https://broker:7443');
    expect(await findConnection(undefined, { LEASEHOLD_DIR: dir })).toEqual(fromDir);
  });

  test('a variable that is set to nothing is not set', async () => {
    await writeState();
    const empty = { LEASEHOLD_ADMIN_URL: '', LEASEHOLD_TOKEN_FILE: '', LEASEHOLD_CA_FILE: '', LEASEHOLD_DIR: dir };
    expect(await findConnection(undefined, empty)).toEqual(fromDir);
  });

  test('all variables that are missing are named', async () => {
    const found = findConnection(undefined, { LEASEHOLD_CA_FILE: '/c' });
    await expect(found).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringMatching(/^LEASEHOLD_ADMIN_URL and LEASEHOLD_TOKEN_FILE are not set/),
    });
  });

  test('a directory without a broker is exit code 5, one with a broken file says what to do', async () => {
    await expect(findConnection(dir, {})).rejects.toMatchObject({ code: 'broker_unreachable' });
    for (const text of ['{"url":', '[]', '{"url":1}']) {
      await writeFile(join(dir, 'admin.json'), text);
      await expect(findConnection(dir, {})).rejects.toMatchObject({
        code: 'invalid_argument',
        message: expect.stringContaining('leasehold dev'),
      });
    }
  });
});

test('a token file that others can read and a CA file that is missing are named together, and nothing is sent', async () => {
  const tokenFile = join(dir, 'token');
  await writeFile(tokenFile, 'lho_x');
  await chmod(tokenFile, 0o644);
  const connected = connect({ url: 'https://localhost:1', tokenFile, caFile: join(dir, 'ghost.pem') });
  await expect(connected).rejects.toMatchObject({ code: 'invalid_argument', message: expect.stringMatching(/chmod 600[\s\S]+ghost\.pem/) });
});
