import { constants } from 'node:os';
import type { AgentVariable } from '@leasehold/core';
import { commandEnvironment } from './command-environment.ts';
import type { AgentConnection } from './find-broker.ts';
import type { KeptNote } from './kept-notes.ts';
import { type OwnSidecar, startOwnSidecar } from './own-sidecar.ts';
import { type CommandEnd, runCommand } from './run-command.ts';
import { createSignalRelay, type SignalRelay } from './signal-relay.ts';

export interface RunOptions {
  readonly command: readonly string[];
  readonly connection: AgentConnection;
  /** Whether SDKs are led to the base URL, which needs neither a proxy nor a certificate. */
  readonly useBaseUrls: boolean;
  readonly logFile: string | undefined;
  readonly logLevel: string;
  readonly env: NodeJS.ProcessEnv;
  /** Where the command's standard output goes. */
  readonly output: 'inherit' | NodeJS.WriteStream;
  /** What people should know beside the command's own words. */
  readonly onNote: (note: KeptNote) => void;
}

/** What may be looked at beside the command. */
export interface RunWatch {
  onStarted(pid: number): void;
  /** The command is gone, its sidecar is still there. */
  onEnded(end: CommandEnd, sidecar: OwnSidecar): Promise<void>;
}

/** Runs a command beside a sidecar of its own. When it ends, however it does, leases are given back and nothing is left. */
export async function runWithSidecar(options: RunOptions, watch?: RunWatch): Promise<CommandEnd> {
  const { stdin, stdout, stderr } = process;
  const relay = createSignalRelay(
    process,
    [stdin, stdout, stderr].some(({ isTTY }) => isTTY),
  );
  let sidecar: OwnSidecar | undefined;
  try {
    sidecar = await startOwnSidecar({ ...options, isTallying: watch !== undefined });
    const variables = await variablesOf(sidecar, relay);
    if ('code' in variables) return variables;
    const chosen = variables.filter(({ isBaseUrl }) => options.useBaseUrls || !isBaseUrl);
    const { environment, notes } = commandEnvironment(options.env, sidecar, chosen);
    for (const note of notes) options.onNote(note);
    const stopNoting = noteWhenGone(sidecar, options.onNote);
    const end = await runCommand(options.command, {
      env: environment,
      relay,
      output: options.output,
      onStarted: (pid) => watch?.onStarted(pid),
    });
    stopNoting();
    await watch?.onEnded(end, sidecar);
    return end;
  } finally {
    await sidecar?.stop();
    relay.close();
  }
}

/** Waits until the sidecar can serve; a signal ends the waiting. */
async function variablesOf({ pages }: OwnSidecar, { first }: SignalRelay): Promise<readonly AgentVariable[] | CommandEnd> {
  const interruption = new AbortController();
  const interrupted = first.then((signal): CommandEnd => ({ code: 128 + constants.signals[signal] }));
  const ready = pages.ready(interruption.signal);
  try {
    return await Promise.race([ready, interrupted]);
  } finally {
    interruption.abort();
    // It has lost the race: that it was stopped is no news.
    ready.catch(() => undefined);
  }
}

function noteWhenGone({ gone }: OwnSidecar, onNote: (note: KeptNote) => void): () => void {
  let isOver = false;
  void gone.then(() => {
    if (!isOver)
      onNote({
        found: 'The sidecar ended by itself: calls that need a credential fail from now on.',
        advice: '--log-file FILE keeps its log.',
      });
  });
  return () => {
    isOver = true;
  };
}
