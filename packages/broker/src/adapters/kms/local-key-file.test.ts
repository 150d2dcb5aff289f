import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keyServiceSuite } from './key-service.suite.ts';
import { openLocalKeyFile } from './local-key-file.ts';

let dir = '';
let file = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'local-key-file-'));
  file = join(dir, 'kek');
});

afterEach(() => rm(dir, { recursive: true }));

keyServiceSuite('local key file', async () => ({
  service: await openLocalKeyFile(file, true),
  other: await openLocalKeyFile(join(dir, 'other'), true),
}));

/** The message of the refusal, which says what to do. */
async function refusalOf(path: string, mayCreate: boolean): Promise<string> {
  const thrown: unknown = await openLocalKeyFile(path, mayCreate).catch((error: unknown) => error);
  expect(thrown).toMatchObject({ name: 'AppError', code: 'invalid_argument' });
  return thrown instanceof Error ? thrown.message : '';
}

test('a first start makes the file: 32 bytes, mode 0600, in directories of mode 0700, and nothing beside it', async () => {
  const path = join(dir, 'deep', 'er', 'kek');
  const umask = process.umask(0);
  try {
    await openLocalKeyFile(path, true);
  } finally {
    process.umask(umask);
  }
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(dir, 'deep', 'er'))).mode & 0o777).toBe(0o700);
  expect(await readFile(path)).toHaveLength(32);
  expect(await readdir(join(dir, 'deep', 'er'))).toEqual(['kek']);
});

test('the same file is the same KEK after a restart', async () => {
  const first = await openLocalKeyFile(file, true);
  const wrapped = await first.wrap(Buffer.from('a data key'), Buffer.from('aad'));
  for (const mayCreate of [true, false]) {
    const again = await openLocalKeyFile(file, mayCreate);
    expect(again.kekId).toBe(first.kekId);
    expect(Buffer.from(await again.unwrap(wrapped, Buffer.from('aad'))).toString()).toBe('a data key');
  }
});

test('many first starts at once end with one KEK', async () => {
  const all = await Promise.all([1, 2, 3, 4].map(() => openLocalKeyFile(file, true)));
  expect(new Set(all.map(({ kekId }) => kekId)).size).toBe(1);
});

test('the KEK’s name gives nothing of it away', async () => {
  const { kekId } = await openLocalKeyFile(file, true);
  const key = (await readFile(file)).toString('hex');
  expect(kekId).toMatch(/^local:[0-9a-f]{16}$/);
  expect(key).not.toContain(kekId.slice('local:'.length));
});

test('a missing file is never made anew once there is data: the refusal says to restore it', async () => {
  expect(await refusalOf(file, false)).toMatch(/is missing, but the database holds data.*Restore the file from its backup/);
  expect(await readdir(dir)).toEqual([]);
});

for (const mode of [0o644, 0o640, 0o606, 0o610, 0o660]) {
  test(`a file of mode ${mode.toString(8)} is refused with the command that mends it, and left as it is`, async () => {
    const key = randomBytes(32);
    await writeFile(file, key);
    await chmod(file, mode);
    for (const mayCreate of [true, false]) expect(await refusalOf(file, mayCreate)).toContain(`chmod 600 ${file}`);
    expect(await readFile(file)).toEqual(key);
    expect((await stat(file)).mode & 0o777).toBe(mode);
  });
}

for (const size of [0, 1, 31, 33, 64, 70_000]) {
  test(`a file of ${size} bytes is refused and never replaced`, async () => {
    const content = Buffer.alloc(size, 7);
    await writeFile(file, content, { mode: 0o600 });
    for (const mayCreate of [true, false]) expect(await refusalOf(file, mayCreate)).toContain(file);
    expect(await readFile(file)).toEqual(content);
  });
}

test('a link is refused, also one that leads to a good key or to nothing', async () => {
  const target = join(dir, 'target');
  await writeFile(target, randomBytes(32), { mode: 0o600 });
  await symlink(target, file);
  for (const mayCreate of [true, false]) expect(await refusalOf(file, mayCreate)).toContain('is no link');
  const dangling = join(dir, 'dangling');
  await symlink(join(dir, 'nowhere'), dangling);
  for (const mayCreate of [true, false]) await refusalOf(dangling, mayCreate);
  expect((await readdir(dir)).toSorted()).toEqual(['dangling', 'kek', 'target']);
});

test('a directory in its place is refused', async () => {
  await mkdir(file, { mode: 0o700 });
  for (const mayCreate of [true, false]) expect(await refusalOf(file, mayCreate)).toContain(file);
});

test('a place where nothing can be made is refused with what to do', async () => {
  await writeFile(file, 'a plain file');
  expect(await refusalOf(join(file, 'kek'), true)).toMatch(/can't be made \(\w+\).*--kek-file/);
});

test.runIf(process.geteuid?.() === 0)('a file of another user is refused', async () => {
  await openLocalKeyFile(file, true);
  await chown(file, 12_345, 12_345);
  expect(await refusalOf(file, false)).toMatch(/belongs to another user \(uid 12345\)/);
});

test('no error shows a byte of the key', async () => {
  const service = await openLocalKeyFile(file, true);
  const key = await readFile(file);
  const thrown: unknown = await service.unwrap(Buffer.alloc(60), Buffer.alloc(0)).catch((error: unknown) => error);
  const shown = `${thrown} ${thrown instanceof Error ? `${thrown.stack} ${thrown.cause}` : ''}`;
  expect(shown).toContain('does not open under the KEK');
  for (const spelling of ['hex', 'base64', 'latin1'] as const) expect(shown).not.toContain(key.toString(spelling));
});
