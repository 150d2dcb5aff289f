import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

export interface RunningService {
  readonly pid: number;
  /** Ports and paths that it announced. */
  readonly facts: Readonly<Record<string, string | number>>;
  stop(): Promise<void>;
}

/** One of our programs as a child, its log in `logFile`. Throws with its own message when it refuses to start. */
export async function startService(name: 'broker' | 'sidecar', args: readonly string[], logFile?: string): Promise<RunningService> {
  const main = join(import.meta.dirname, '..', '..', 'packages', name, 'src', 'main.ts');
  const log = logFile === undefined ? undefined : await open(logFile, 'a');
  const child = fork(main, [...args], {
    stdio: ['ignore', 'ignore', log?.fd ?? 'ignore', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  await log?.close();
  const gone = once(child, 'exit');
  const said = await readiness(child);
  return {
    pid: child.pid ?? 0,
    facts: said,
    stop: async () => {
      child.kill();
      await gone;
    },
  };
}

/** What a program of ours announces once it is ready. Throws with its own message when it refuses to start, and when it dies without one. */
export async function readiness(child: ChildProcess): Promise<Readonly<Record<string, string | number>>> {
  const { promise: gone, reject } = Promise.withResolvers<never>();
  const onGone = () => reject(new Error(`${child.spawnargs[1]} ended before it was ready; its log says why`));
  // Not `exit`, which may come before its last message does.
  child.once('disconnect', onGone);
  try {
    const [said] = await Promise.race([once(child, 'message'), gone]);
    if (said.failed !== undefined) throw new Error(said.failed.message);
    return said.ready;
  } finally {
    child.off('disconnect', onGone);
  }
}
