import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFileOnce, replaceFile } from './durable-file.ts';

let dir = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'durable-file-'));
});

afterEach(() => rm(dir, { recursive: true }));

test('a file is made with exactly the mode that was asked for, and nothing is left beside it', async () => {
  const umask = process.umask(0o077);
  try {
    expect(await createFileOnce(join(dir, 'public'), 'a', 0o644)).toBe(true);
    expect(await createFileOnce(join(dir, 'private'), 'b', 0o600)).toBe(true);
  } finally {
    process.umask(umask);
  }
  expect((await stat(join(dir, 'public'))).mode & 0o777).toBe(0o644);
  expect((await stat(join(dir, 'private'))).mode & 0o777).toBe(0o600);
  expect(await readdir(dir)).toEqual(['private', 'public']);
});

test('a file that is made once is never made over another, nor through a dangling link', async () => {
  await writeFile(join(dir, 'there'), 'first');
  await symlink(join(dir, 'nowhere'), join(dir, 'dangling'));
  expect(await createFileOnce(join(dir, 'there'), 'second', 0o600)).toBe(false);
  expect(await createFileOnce(join(dir, 'dangling'), 'second', 0o600)).toBe(false);
  expect(await readFile(join(dir, 'there'), 'utf8')).toBe('first');
  expect(await readdir(dir)).toEqual(['dangling', 'there']);
});

test('of many that make one file at once, exactly one made it, and it is whole', async () => {
  const made = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => createFileOnce(join(dir, 'kek'), String(n).repeat(32), 0o600)));
  expect(made.filter((isOurs) => isOurs)).toHaveLength(1);
  expect(await readFile(join(dir, 'kek'), 'utf8')).toBe(String(made.indexOf(true) + 1).repeat(32));
});

test('a replaced file has the new content and mode', async () => {
  await writeFile(join(dir, 'there'), 'a longer first content', { mode: 0o644 });
  await replaceFile(join(dir, 'there'), 'second', 0o600);
  expect(await readFile(join(dir, 'there'), 'utf8')).toBe('second');
  expect((await stat(join(dir, 'there'))).mode & 0o777).toBe(0o600);
  expect(await readdir(dir)).toEqual(['there']);
});

test('a directory that is not there is an error, not a silent nothing', async () => {
  await expect(createFileOnce(join(dir, 'no', 'file'), 'x', 0o600)).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(replaceFile(join(dir, 'no', 'file'), 'x', 0o600)).rejects.toMatchObject({ code: 'ENOENT' });
});
