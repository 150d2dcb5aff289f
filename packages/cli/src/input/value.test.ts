import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readAll, readValue, withoutLineEnd } from './value.ts';

async function* pieces(...parts: readonly Buffer[]): AsyncIterable<Buffer> {
  yield* parts;
}

describe('a value', () => {
  test.each([
    ['key', 'key'],
    ['key\n', 'key'],
    ['key\r\n', 'key'],
    ['key\n\n', 'key\n'],
    ['key\r', 'key\r'],
    ['\n', ''],
  ])('%j loses one line end and nothing else', (raw, value) => {
    expect(withoutLineEnd(Buffer.from(raw)).toString()).toBe(value);
  });

  test('comes whole from many pieces, which are wiped', async () => {
    const parts = [Buffer.from('sk-'), Buffer.from('live-1')];
    expect((await readAll(pieces(...parts))).toString()).toBe('sk-live-1');
    expect(parts.every((part) => part.every((byte) => byte === 0))).toBe(true);
  });

  test('that does not end is given up early', async () => {
    const endless = async function* (): AsyncIterable<Buffer> {
      for (;;) yield Buffer.alloc(10_000, 'x');
    };
    await expect(readAll(endless())).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  test('is read from a file, and a file that is not there is named', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'leasehold-value-'));
    await writeFile(join(dir, 'key.txt'), 'sk-file-1\n');
    await writeFile(join(dir, 'empty.txt'), '\n');
    expect((await readValue(join(dir, 'key.txt'))).toString()).toBe('sk-file-1');
    await expect(readValue(join(dir, 'empty.txt'))).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(readValue(join(dir, 'ghost.txt'))).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('ENOENT'),
    });
    await expect(readValue(dir)).rejects.toMatchObject({ code: 'invalid_argument' });
    await rm(dir, { recursive: true });
  });
});
