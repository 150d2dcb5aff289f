import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RuntimeName } from './client.ts';
import { plainEnvironment, type Workshop } from './workshop.ts';

const run = promisify(execFile);

/** The command line that runs a program, or what is missing on this machine. */
export type Found = { readonly command: (program: readonly string[]) => readonly string[] } | { readonly missing: string };

type Find = (workshop: Workshop) => Promise<Found>;

/** How each runtime is found. Nothing is installed here but what npm carries, unless `LEASEHOLD_RUN_ALL=1` asks for all. */
export const runtimes: Readonly<Record<RuntimeName, Find>> = {
  node20: fromNpm(`node-20-linux-${process.arch}`, 'bin/node'),
  node22: fromNpm(`node-22-linux-${process.arch}`, 'bin/node'),
  node24: fromNpm(`node-24-linux-${process.arch}`, 'bin/node'),
  node26: async (workshop) => withPackages(workshop, (program) => [process.execPath, ...program]),
  bun: fromNpm(`@oven/bun-linux-${process.arch === 'arm64' ? 'aarch64' : process.arch}`, 'bin/bun'),
  deno: fromNpm(`@deno/linux-${process.arch}-glibc`, 'deno', ['run', '--allow-all', '--quiet']),
  curl: onPath('curl', 'sh'),
  wget: onPath('wget', 'sh'),
  git: onPath('git', 'sh'),
  python: onPath('python3'),
  'python-packages': pythonWithPackages,
  go: goPrograms,
  java: onPath('java'),
  chromium: async (workshop) =>
    existsSync(chromiumFile)
      ? withPackages(workshop, (program) => [process.execPath, ...program, chromiumFile])
      : { missing: `${chromiumFile} is not there (Debian: chromium, libnss3-tools)` },
};

const chromiumFile = '/usr/bin/chromium';

function fromNpm(name: string, file: string, args: readonly string[] = []): Find {
  return async (workshop) => {
    const path = join(workshop.dir, 'node_modules', name, file);
    if (!existsSync(path)) return { missing: workshop.npmProblem ?? `npm carries none for ${process.platform}-${process.arch}` };
    return { command: (program) => [path, ...args, ...program] };
  };
}

function withPackages({ npmProblem }: Workshop, command: (program: readonly string[]) => readonly string[]): Found {
  return npmProblem === undefined ? { command } : { missing: npmProblem };
}

/** `needed` must answer to `--version`; `runner` runs the program, by default the same. */
function onPath(needed: string, runner: string = needed): Find {
  return async () => ((await isOnPath(needed)) ? { command: (program) => [runner, ...program] } : { missing: `${needed} is not on PATH` });
}

/** A virtual environment with what `requirements.txt` pins. */
async function pythonWithPackages(workshop: Workshop): Promise<Found> {
  if (!(await isOnPath('python3'))) return { missing: 'python3 is not on PATH' };
  const wanted = join(workshop.dir, 'python', 'requirements.txt');
  try {
    const dir = await workshop.make('python', [await readFile(wanted, 'utf8')], async (unfinished) => {
      mustInstall('the packages of requirements.txt');
      await run('python3', ['-m', 'venv', unfinished]);
      await run(join(unfinished, 'bin', 'python'), ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '-r', wanted]);
    });
    return { command: (program) => [join(dir, 'bin', 'python'), ...program] };
  } catch (error) {
    return { missing: reasonOf(error) };
  }
}

/** Each folder of `go/` that has a main package, as one program. */
async function goPrograms(workshop: Workshop): Promise<Found> {
  if (!(await isOnPath('go', 'version'))) return { missing: 'go is not on PATH' };
  const source = join(workshop.dir, 'go');
  try {
    const inputs = await Promise.all(
      ['go.mod', 'go.sum', 'steps/steps.go', 'nethttp/main.go'].map((file) => readFile(join(source, file), 'utf8')),
    );
    const dir = await workshop.make('go', inputs, async (unfinished) => {
      mustInstall('what its modules need');
      await run('go', ['build', '-o', unfinished, './...'], { cwd: source, env: plainEnvironment() });
    });
    return { command: ([program = '', ...args]) => [join(dir, program), ...args] };
  } catch (error) {
    return { missing: reasonOf(error) };
  }
}

function mustInstall(what: string): void {
  if (process.env.LEASEHOLD_RUN_ALL !== '1') throw new Error(`${what} are not installed (LEASEHOLD_RUN_ALL=1 installs them)`);
}

async function isOnPath(command: string, ask = '--version'): Promise<boolean> {
  return run(command, [ask]).then(
    () => true,
    () => false,
  );
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message.trim().split('\n').at(-1) ?? '') : String(error);
}
