import { type RunOptions, runWithSidecar } from '../run/run-with-sidecar.ts';
import { type ConnectionWatch, canWatchConnections, watchConnections } from './connection-watch.ts';
import { bad, type Finding, good } from './finding.ts';
import { judgeCalls } from './judge-calls.ts';

export interface CheckedCommand {
  readonly findings: readonly Finding[];
  /** Its own. */
  readonly exitCode: number;
}

/** Runs a command like `run`, and looks at where its calls go. */
export async function checkCommand(options: Omit<RunOptions, 'onNote'>): Promise<CheckedCommand> {
  const notes: Finding[] = [];
  let watch: ConnectionWatch | undefined;
  let seen: readonly Finding[] = [];
  try {
    const { code, why } = await runWithSidecar(
      { ...options, onNote: ({ found, advice }) => notes.push(bad('environment', found, advice)) },
      {
        onStarted: (pid) => {
          if (canWatchConnections) watch = watchConnections(pid);
        },
        onEnded: async (_, sidecar) => {
          watch?.stop();
          seen = judgeCalls(await sidecar.pages.seenCalls(), watch?.seen());
        },
      },
    );
    const end =
      why === undefined ? good('command', `the command ended with exit code ${code}`) : bad('command', why, 'Try the command by itself.');
    return { findings: [...notes, ...seen, end], exitCode: code };
  } finally {
    watch?.stop();
  }
}
