import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { keepToken } from './token-file.ts';

let dir: string;
let path: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'leasehold-token-'));
  path = join(dir, 'agent.token');
});

afterEach(() => rm(dir, { recursive: true }));

const make = async () => ({ token: 'lha_1' });

test('without a file the token is shown', async () => {
  expect(await keepToken(undefined, make)).toMatchObject({ shown: { token: 'lha_1' }, text: 'lha_1' });
});

test('with a file the token is there for its owner alone, and shown nowhere', async () => {
  const { shown, text } = await keepToken(path, make);
  expect(shown).toEqual({ token_file: path });
  expect(text).not.toContain('lha_1');
  expect(await readFile(path, 'utf8')).toBe('lha_1\n');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('a file that is there is kept, and no token is made: the old one must go on working', async () => {
  await writeFile(path, 'old');
  const making = vi.fn(make);
  await expect(keepToken(path, making)).rejects.toMatchObject({ code: 'invalid_argument' });
  expect(making).not.toHaveBeenCalled();
  expect(await readFile(path, 'utf8')).toBe('old');
});

test('when no token was made, no empty file is left', async () => {
  await expect(keepToken(path, () => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
  await expect(stat(path)).rejects.toThrow('ENOENT');
});
