import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { SignalRelay } from './signal-relay.ts';

export interface CommandEnd {
  /** What a shell would report: the command's own, 128 + n for a signal, 126 or 127 for a command that could not be started. */
  readonly code: number;
  /** Set when the command never ran. */
  readonly why?: string;
}

export interface CommandOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly relay: SignalRelay;
  /** Where its standard output goes. */
  readonly output: 'inherit' | NodeJS.WriteStream;
  readonly onStarted?: (pid: number) => void;
}

/** Runs a command with our own input, output and errors, passes signals on to it, and waits for its end. */
export async function runCommand([file = '', ...args]: readonly string[], options: CommandOptions): Promise<CommandEnd> {
  const { env, relay, output, onStarted } = options;
  let stopRelaying = () => {};
  try {
    // Throws some of what it tells of otherwise: a path through a file, too many arguments.
    const child = spawn(file, args, { env, stdio: ['inherit', output, 'inherit'] });
    stopRelaying = relay.to((signal) => child.kill(signal));
    const ended = Promise.withResolvers<CommandEnd>();
    child.once('error', ended.reject);
    child.once('close', (code, signal) => ended.resolve({ code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]) }));
    if (child.pid !== undefined) onStarted?.(child.pid);
    return await ended.promise;
  } catch (thrown) {
    return notStarted(thrown);
  } finally {
    stopRelaying();
  }
}

function notStarted(thrown: unknown): CommandEnd {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  if (code === 'ENOENT') return { code: 127, why: 'The command was not found. Check its spelling, and PATH.' };
  if (code === 'EACCES') return { code: 126, why: 'The command can not be run. Check that the file is a program that this user may run.' };
  return { code: 126, why: `The command could not be started (${String(code ?? 'unknown reason')}).` };
}
