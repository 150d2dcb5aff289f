import { execFile } from 'node:child_process';

export interface CommandResult {
  readonly code: number;
  /** Both streams. */
  readonly printed: string;
}

/** A command line with nothing in its environment but `env` and a PATH. Never throws. */
export function runCommand(command: readonly string[], env: Readonly<Record<string, string>>): Promise<CommandResult> {
  const [file = '', ...args] = command;
  return new Promise((resolve) => {
    execFile(file, args, { env: { PATH: process.env.PATH, ...env }, timeout: 30_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, printed: stdout + stderr });
    });
  });
}
