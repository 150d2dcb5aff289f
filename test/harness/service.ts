import { fork } from 'node:child_process';
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
  const [said] = await once(child, 'message');
  if (said.failed !== undefined) {
    await gone;
    throw new Error(said.failed.message);
  }
  return {
    pid: child.pid ?? 0,
    facts: said.ready,
    stop: async () => {
      child.kill();
      await gone;
    },
  };
}
