import { EventEmitter, once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommand } from './run-command.ts';
import { createSignalRelay } from './signal-relay.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'leasehold-command-'));
  await writeFile(join(dir, 'no-program'), '');
  await chmod(join(dir, 'no-program'), 0o600);
});
afterAll(() => rm(dir, { recursive: true }));

const env = { PATH: process.env.PATH ?? '' };

describe('a command’s end', () => {
  const relay = createSignalRelay(new EventEmitter(), false);

  test.each([
    ['its own exit code', ['sh', '-c', 'exit 42'], 42],
    ['128 + n when a signal ended it', ['sh', '-c', 'kill -KILL $$'], 137],
  ])('is %s', async (_, command, code) => {
    expect(await runCommand(command, { env, relay, output: 'inherit' })).toEqual({ code });
  });

  test.each([
    ['127 when it is not there', () => '/ghost/program', 127],
    ['126 when it is no program', () => join(dir, 'no-program'), 126],
  ])('is %s, with a word on why', async (_, file, code) => {
    expect(await runCommand([file()], { env, relay, output: 'inherit' })).toEqual({ code, why: expect.stringContaining('Check') });
  });
});

describe('a signal', () => {
  const listener = `process.on('SIGINT', () => process.exit(2)); process.on('SIGHUP', () => process.exit(1)); setInterval(() => 0, 1000);
    require('node:fs').writeFileSync(process.argv[1], 'up');`;

  test.each([
    ['goes on to the command', false, 2],
    ['of a terminal has reached the command already, and is not passed on a second time', true, 1],
  ])('%s', async (_, hasTerminal, code) => {
    const source = new EventEmitter();
    const relay = createSignalRelay(source, hasTerminal);
    const ready = join(dir, `ready-${code}`);
    const end = runCommand([process.execPath, '-e', listener, ready], { env, relay, output: 'inherit' });
    await fileThere(ready);
    source.emit('SIGINT');
    if (hasTerminal) source.emit('SIGHUP');
    expect(await end).toEqual({ code });
    expect(await relay.first).toBe('SIGINT');
    relay.close();
    expect(source.listenerCount('SIGTERM')).toBe(0);
  });
});

async function fileThere(path: string): Promise<void> {
  const { watch, existsSync } = await import('node:fs');
  const watcher = watch(dir);
  try {
    while (!existsSync(path)) await once(watcher, 'change');
  } finally {
    watcher.close();
  }
}
