import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RuntimeName } from './client.ts';
import { plainEnvironment, type Workshop } from './workshop.ts';

const run = promisify(execFile);

export interface Runtime {
  /** The command line that runs a program. */
  readonly command: (program: readonly string[]) => readonly string[];
  readonly version: string;
}

export interface Missing {
  /** What this machine lacks. */
  readonly missing: string;
}

type Find = (workshop: Workshop) => Promise<Runtime | Missing>;

/** How each runtime is found. Nothing is installed here but what npm carries, unless `LEASEHOLD_RUN_ALL=1` asks for all. */
export const runtimes: Readonly<Record<RuntimeName, Find>> = {
  node20: fromNpm(`node-20-linux-${process.arch}`, 'bin/node'),
  node22: fromNpm(`node-22-linux-${process.arch}`, 'bin/node'),
  node24: fromNpm(`node-24-linux-${process.arch}`, 'bin/node'),
  node26: withPackages(async () => ({ version: process.versions.node, command: (program) => [process.execPath, ...program] })),
  bun: fromNpm(`@oven/bun-linux-${process.arch === 'arm64' ? 'aarch64' : process.arch}`, 'bin/bun'),
  deno: fromNpm(`@deno/linux-${process.arch}-glibc`, 'deno', ['run', '--allow-all', '--quiet']),
  curl: onPath('curl', { runner: 'sh' }),
  wget: onPath('wget', { runner: 'sh' }),
  git: onPath('git', { runner: 'sh' }),
  python: onPath('python3'),
  'python-packages': pythonWithPackages,
  go: goPrograms,
  java: onPath('java'),
  chromium: withPackages(browser),
};

function fromNpm(name: string, file: string, args: readonly string[] = []): Find {
  return withPackages(async ({ dir }) => {
    const path = join(dir, 'node_modules', name, file);
    const version = await versionOf(path);
    if (version === undefined) return { missing: `npm carries none for ${process.platform}-${process.arch}` };
    return { version, command: (program) => [path, ...args, ...program] };
  });
}

function withPackages(find: Find): Find {
  return async (workshop) => (workshop.npmProblem === undefined ? find(workshop) : { missing: workshop.npmProblem });
}

/** `runner` runs the program: by default `needed` itself. */
function onPath(needed: string, { runner = needed }: { readonly runner?: string } = {}): Find {
  return async () => {
    const version = await versionOf(needed);
    return version === undefined ? { missing: `${needed} is not on PATH` } : { version, command: (program) => [runner, ...program] };
  };
}

/** A virtual environment with what `requirements.txt` pins. */
async function pythonWithPackages(workshop: Workshop): Promise<Runtime | Missing> {
  const version = await versionOf('python3');
  if (version === undefined) return { missing: 'python3 is not on PATH' };
  const wanted = join(workshop.dir, 'python', 'requirements.txt');
  return orMissing(async () => {
    const dir = await workshop.make('python', [await readFile(wanted, 'utf8')], async (unfinished) => {
      mustInstall('packages of PyPI');
      await run('python3', ['-m', 'venv', unfinished]);
      await run(join(unfinished, 'bin', 'python'), ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '-r', wanted]);
    });
    return { version, command: (program) => [join(dir, 'bin', 'python'), ...program] };
  });
}

const goFiles = ['go.mod', 'go.sum', 'steps/steps.go', 'nethttp/main.go', 'grpcgo/main.go'];

/** Each main package of `go/`, as one program. */
async function goPrograms(workshop: Workshop): Promise<Runtime | Missing> {
  const version = await versionOf('go', 'version');
  if (version === undefined) return { missing: 'go is not on PATH' };
  const source = join(workshop.dir, 'go');
  return orMissing(async () => {
    const dir = await workshop.make(
      'go',
      await Promise.all(goFiles.map((file) => readFile(join(source, file), 'utf8'))),
      async (unfinished) => {
        mustInstall('Go modules');
        await run('go', ['build', '-o', unfinished, './...'], { cwd: source, env: plainEnvironment() });
      },
    );
    return { version, command: ([program = '', ...args]) => [join(dir, program), ...args] };
  });
}

/** Chromium, and what puts a CA into its database. */
async function browser(): Promise<Runtime | Missing> {
  const file = '/usr/bin/chromium';
  const version = await versionOf(file);
  if (version === undefined) return { missing: `${file} is not there (Debian: chromium, libnss3-tools)` };
  return { version, command: (program) => [process.execPath, ...program, file] };
}

function mustInstall(what: string): void {
  if (process.env.LEASEHOLD_RUN_ALL !== '1') throw new Error(`${what} are installed only with LEASEHOLD_RUN_ALL=1`);
}

async function orMissing(find: () => Promise<Runtime>): Promise<Runtime | Missing> {
  return find().catch((error: Error) => ({ missing: error.message.trim().split('\n').at(-1) ?? '' }));
}

async function versionOf(command: string, ask = '--version'): Promise<string | undefined> {
  return run(command, [ask]).then(
    ({ stdout }) => /\d+(\.\d+)+/.exec(stdout)?.[0],
    () => undefined,
  );
}
