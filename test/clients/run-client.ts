import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What a program says of one step: programs/steps.mjs. */
export interface Fact {
  readonly step: 'call' | 'refused' | 'receiving' | 'over';
  readonly status?: number;
  readonly code?: string;
  readonly saw?: string;
  readonly how?: 'cut' | 'ended';
  readonly error?: string;
}

export interface ClientRun {
  readonly facts: readonly Fact[];
  /** On either stream. */
  readonly printed: string;
  /** All that it left in its home folder. */
  readonly files: string;
  /** It was still there when its time was over. */
  readonly isLate: boolean;
}

export interface ClientRunOptions {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** A folder that is not there yet. */
  readonly home: string;
  readonly timeoutMs: number;
  readonly onFact: (fact: Fact) => void;
}

/** Runs a program with nothing in its environment but `env`, a PATH and a home of its own. */
export async function runClient({ command, cwd, env, home, timeoutMs, onFact }: ClientRunOptions): Promise<ClientRun> {
  await mkdir(home, { recursive: true });
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, LANG: 'C.UTF-8', ...env, HOME: home },
    // A group of its own, so that nothing which it started is left behind.
    detached: true,
  });
  const facts: Fact[] = [];
  let printed = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    printed += `${line}\n`;
    const fact = factIn(line);
    if (fact === undefined) return;
    facts.push(fact);
    onFact(fact);
  });
  child.stderr.on('data', (piece: Buffer) => {
    printed += piece.toString();
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    killGroup(child.pid);
  }, timeoutMs);
  try {
    await once(child, 'close');
  } finally {
    clearTimeout(timer);
    killGroup(child.pid);
  }
  return { facts, printed, files: await filesIn(home), isLate };
}

/** A line that says something else is no fact, and neither is one that was badly made: the step then counts as not done. */
function factIn(line: string): Fact | undefined {
  if (!isFact(line)) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Python puts a space after the colon. */
export function isFact(line: string): boolean {
  return /^\{"step": ?"/.test(line);
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

async function filesIn(dir: string): Promise<string> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const texts = await Promise.all(
    entries.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1').catch(() => '')),
  );
  return texts.join('\n');
}
