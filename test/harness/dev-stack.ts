import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const cliFile = join(import.meta.dirname, '..', '..', 'packages', 'cli', 'src', 'main.ts');
const nodeFlags = ['--disable-warning=ExperimentalWarning'];

/** The line that `leasehold dev --json` prints: docs/cli.md. */
export interface ReadyLine {
  readonly dir: string;
  readonly proxy_url: string;
  readonly base_url: string;
  readonly agent_ca_file: string;
  readonly agent_bundle_file: string;
  readonly admin: { readonly url: string; readonly token_file: string; readonly ca_file: string };
  readonly broker: { readonly grpc: string; readonly metrics_url: string };
  readonly sidecar: { readonly metrics_url: string };
  readonly pids: { readonly broker: number; readonly sidecar: number };
}

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface DevStack {
  readonly ready: ReadyLine;
  readonly dir: string;
  readonly proxyPort: number;
  /** Runs the real `leasehold` against this stack; `input` is its standard input. */
  cli(args: readonly string[], input?: string): Promise<CliResult>;
  /** The same, and throws unless the exit code is 0. */
  ok(args: readonly string[], input?: string): Promise<string>;
  /** Everything that broker and sidecar logged so far. */
  log(): Promise<string>;
  /** SIGTERM, and waits; the directory stays. Resolves with the exit code. */
  stop(): Promise<number>;
  /** Stops and removes the directory. */
  close(): Promise<void>;
}

export interface DevStackOptions {
  readonly dir?: string;
  readonly extraArgs?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** The `leasehold` to run; that of the sources when it is not given. */
  readonly program?: string;
}

/** Starts the real product as a user would, `leasehold dev`, on free ports. */
export async function startDevStack({ dir, extraArgs = [], env = {}, program }: DevStackOptions = {}): Promise<DevStack> {
  const parent = dir === undefined ? await mkdtemp(join(tmpdir(), 'leasehold-e2e-')) : undefined;
  const stateDir = dir ?? join(parent ?? '', 'state');
  const child = spawn(
    process.execPath,
    [...nodeFlags, program ?? cliFile, 'dev', '--json', '--port', '0', '--dir', stateDir, ...extraArgs],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    },
  );
  const ready = await firstLine(child);
  const gone = once(child, 'exit');
  const cli = (args: readonly string[], input?: string) => runCli([...args, '--dir', stateDir], input, {}, program);
  const stop = async () => {
    child.kill('SIGTERM');
    const [code] = await gone;
    return Number(code);
  };
  return {
    ready,
    dir: stateDir,
    proxyPort: Number(new URL(ready.proxy_url).port),
    cli,
    ok: async (args, input) => {
      const result = await cli(args, input);
      if (result.code !== 0) throw new Error(`leasehold ${args.join(' ')} ended with ${result.code}: ${result.stderr}`);
      return result.stdout;
    },
    log: () => readFile(join(stateDir, 'services.log'), 'utf8'),
    stop,
    close: async () => {
      if (child.exitCode === null) await stop();
      await rm(parent ?? stateDir, { recursive: true, force: true });
    },
  };
}

/** Runs the real `leasehold` program. */
export async function runCli(args: readonly string[], input?: string, env: NodeJS.ProcessEnv = {}, program = cliFile): Promise<CliResult> {
  const child = spawn(process.execPath, [...nodeFlags, program, ...args], { stdio: 'pipe', env: { ...process.env, ...env } });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString();
  });
  child.stdin.on('error', () => undefined); // A program that refuses its arguments never reads.
  child.stdin.end(input ?? '');
  const [code] = await once(child, 'close');
  return { code: Number(code), ...output };
}

async function firstLine(child: ChildProcess): Promise<ReadyLine> {
  let problems = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    problems += chunk.toString();
  });
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  const line = await new Promise<string>((resolve, reject) => {
    lines.once('line', resolve);
    child.once('exit', (code) => reject(new Error(`leasehold dev ended with ${code}: ${problems}`)));
  });
  return JSON.parse(line);
}
