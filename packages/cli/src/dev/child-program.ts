import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AppError, isErrorCode } from '@leasehold/core';

export interface ChildProgram {
  readonly pid: number;
  /** Ports and paths that the program announced. */
  readonly facts: Readonly<Record<string, string>>;
  /** Resolves when the process is gone, whoever ended it. */
  readonly gone: Promise<void>;
  /** SIGTERM, then SIGKILL after `graceMs` (4,800 when it is not given). Resolves when the process is gone. */
  stop(graceMs?: number): Promise<void>;
}

export type ProgramName = 'broker' | 'sidecar';

const defaultGraceMs = 4_800;

export interface ProgramOptions {
  /** Descriptor that its log goes to. */
  readonly log: number | 'inherit' | 'ignore';
  /** Whether what a terminal sends to all in its foreground, such as Ctrl-C, does not reach it: it ends when we do, and not before. */
  readonly isDetached?: boolean;
}

/** Starts one of our services as a child and waits until it listens. Throws the child's own AppError when it could not start. */
export async function startProgram(
  name: ProgramName,
  args: readonly string[],
  { log, isDetached = false }: ProgramOptions,
): Promise<ChildProgram> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', programFile(name), ...args], {
    stdio: ['ignore', 'ignore', log, 'ipc'],
    env: childEnvironment(),
    detached: isDetached,
  });
  const gone = once(child, 'exit').then(() => undefined);
  const facts = await firstWord(child, name);
  return {
    pid: child.pid ?? 0,
    facts,
    gone,
    stop: async (graceMs = defaultGraceMs) => {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await gone;
      clearTimeout(late);
    },
  };
}

/** A service reads its own settings alone: what is set for another tool must not change it. */
function childEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LEASEHOLD_')));
}

/** In a release the programs are bundles side by side; in the workspace they run from source. */
function programFile(name: ProgramName): string {
  const bundle = new URL(`./leasehold-${name}.js`, import.meta.url);
  if (existsSync(bundle)) return fileURLToPath(bundle);
  return fileURLToPath(import.meta.resolve(`@leasehold/${name}/main`));
}

async function firstWord(child: ChildProcess, name: ProgramName): Promise<Readonly<Record<string, string>>> {
  const said = await new Promise<unknown>((resolve, reject) => {
    child.once('message', resolve);
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      reject(new AppError('internal', `The ${name} ended while it started (${signal ?? `exit code ${code}`}). Its log says why.`)),
    );
  });
  const message = typeof said === 'object' && said !== null ? said : {};
  if ('ready' in message) return texts(message.ready);
  const failed = texts('failed' in message ? message.failed : undefined);
  const code = failed.code ?? '';
  throw new AppError(isErrorCode(code) ? code : 'internal', `The ${name} did not start: ${failed.message ?? 'its log says why'}`);
}

function texts(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(value ?? {}).map(([key, each]) => [key, String(each)]));
}
