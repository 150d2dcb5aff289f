import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTokenFile } from './token-file.ts';

const first = `lho_${'a'.repeat(43)}`;
let dir = '';
let path = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'token-file-'));
  path = join(dir, 'operator.token');
});

afterEach(() => rm(dir, { recursive: true }));

test('what was made is read again, is for its owner alone, and leaves nothing beside it', async () => {
  const file = createTokenFile(path);
  expect(await file.read()).toBeUndefined();
  await file.create(first);
  expect(await file.read()).toBe(first);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(dir)).toEqual(['operator.token']);
});

test('the draft of a start that crashed does not keep the next one, with the same process id, from making the file', async () => {
  await writeFile(`${path}.${process.pid}.new`, 'lho_half', { mode: 0o600 });
  const file = createTokenFile(path);
  await file.create(first);
  expect(await file.read()).toBe(first);
});

test('nothing is ever made over what is there, a dangling link included', async () => {
  await writeFile(path, 'lho_first\n', { mode: 0o600 });
  const link = join(dir, 'link.token');
  await symlink(join(dir, 'nowhere'), link);
  for (const place of [path, link])
    await expect(createTokenFile(place).create('lho_other')).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('something is in its place'),
    });
  expect(await readFile(path, 'utf8')).toBe('lho_first\n');
});

test('a file that others may read is refused', async () => {
  await writeFile(path, 'lho_first\n');
  await chmod(path, 0o644);
  await expect(createTokenFile(path).read()).rejects.toMatchObject({ code: 'invalid_argument' });
});

test.each(['', 'lho_cut', `lha_${'a'.repeat(43)}`])(
  'a file that holds %j, and no operator token, is refused and left as it is',
  async (content) => {
    await writeFile(path, `${content}\n`, { mode: 0o600 });
    await expect(createTokenFile(path).read()).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('Restore it, or remove it'),
    });
    expect(await readFile(path, 'utf8')).toBe(`${content}\n`);
  },
);
