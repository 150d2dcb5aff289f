import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../structure/source-files.ts';

const run = promisify(execFile);
const sources = join(import.meta.dirname, 'programs');
const cache = join(root, 'node_modules', '.cache', 'leasehold-clients');

/** The programs, in a folder with everything that npm carries for them. */
export interface Workshop {
  readonly dir: string;
  /** Why npm's part is missing, if it is. */
  readonly npmProblem: string | undefined;
  /** A folder of `name` that `make` fills once for these `inputs`; made anew when they change. Throws what `make` throws. */
  make(name: string, inputs: readonly string[], make: (dir: string) => Promise<void>): Promise<string>;
}

/** Copies the programs out of the repository and installs what they import, once for each lock file: about half a minute, then nothing. */
export async function openWorkshop(): Promise<Workshop> {
  await mkdir(cache, { recursive: true });
  let npmProblem: string | undefined;
  const lock = await readFile(join(sources, 'package-lock.json'), 'utf8');
  const installed = await made('npm', [lock], async (dir) => {
    for (const file of ['package.json', 'package-lock.json']) await cp(join(sources, file), join(dir, file));
    await run('npm', ['ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: dir,
      env: plainEnvironment(),
    });
  }).catch((error: Error) => {
    npmProblem = `npm ci failed: ${error.message.trim().split('\n').at(-1)}`;
    return undefined;
  });
  const dir = installed ?? join(cache, 'programs');
  await cp(sources, dir, { recursive: true });
  return { dir, npmProblem, make: made };
}

async function made(name: string, inputs: readonly string[], make: (dir: string) => Promise<void>): Promise<string> {
  const hash = createHash('sha256').update(inputs.join('\0')).digest('hex').slice(0, 12);
  const dir = join(cache, `${name}-${hash}`);
  if (await isThere(dir)) return dir;
  const unfinished = join(cache, `unfinished-${name}-${process.pid}`);
  await mkdir(unfinished, { recursive: true });
  try {
    await make(unfinished);
    for (const old of await readdir(cache)) if (old.startsWith(`${name}-`)) await rm(join(cache, old), { recursive: true, force: true });
    await rename(unfinished, dir);
    return dir;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Without what pnpm tells npm. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm|pnpm)_/i.test(name)));
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
