import { AppError } from '@leasehold/core';
import { CommanderError } from 'commander';
import { type ExitCode, exitCodeOf } from './exit-codes.ts';

type Failure = Exclude<ExitCode, 0>;

const nextSteps: Readonly<Record<Failure, string>> = {
  1: 'Look at the broker’s log, then try again.',
  2: 'Run the command with --help to see how it is used.',
  3: 'Ask an operator who may, or change the policy first.',
  4: 'List what there is with the `list` verb of the same noun.',
  5: 'Start the broker (leasehold dev), or check where the command looks for it.',
};

/** One line of what happened and one of what to do. Messages that bring their own second part keep it. */
export function errorLines(thrown: unknown): { readonly code: Failure; readonly text: string } {
  if (thrown instanceof CommanderError) return { code: 2, text: `leasehold: ${misuse(thrown)}\n${nextSteps[2]}\n` };
  const { code, what, next } = thrown instanceof AppError ? whatAndNext(thrown) : ofThisMachine(thrown);
  return { code, text: `leasehold: ${what}\n${next}\n` };
}

/** No broker had a part in it: the system refused something, or we are wrong. Other messages than the system's could hold what was typed. */
function ofThisMachine(thrown: unknown): { readonly code: Failure; readonly what: string; readonly next: string } {
  if (isSystemError(thrown))
    return { code: 1, what: `${thrown.message}.`, next: 'Check that this user may use what is named there, and that there is room.' };
  return { code: 1, what: 'The command failed in a way that nobody foresaw.', next: 'Please report it, with what you ran and no secret.' };
}

/** Of files, sockets and processes (https://nodejs.org/api/errors.html#class-systemerror): code, text of the system, call and path. */
function isSystemError(thrown: unknown): thrown is Error {
  return thrown instanceof Error && 'syscall' in thrown && 'errno' in thrown;
}

/** The two parts of an error that people are told. */
export function whatAndNext({ code, message }: AppError): { readonly code: Failure; readonly what: string; readonly next: string } {
  const exitCode = exitCodeOf[code];
  const [what = '', ...rest] = message.split(/\n|(?<=[.!?]) (?=[A-Z])/);
  return { code: exitCode, what, next: rest.length > 0 ? rest.join('\n') : nextSteps[exitCode] };
}

const misuses: Readonly<Record<string, string>> = {
  'commander.excessArguments':
    'There are more arguments than this command takes. A secret value is never an argument: it comes on standard input.',
  'commander.help': 'A command is missing.',
  'commander.unknownCommand': 'There is no such command.',
};

/** Commander's own words only where they name our flags and arguments: what was typed may be a secret that strayed there. */
function misuse({ code, message }: CommanderError): string {
  if (code === 'commander.unknownOption') {
    const [, flag] = /'(--[a-z]+(?:-[a-z]+)*)[='?]/.exec(message) ?? [];
    const [, meant] = /Did you mean (--[^?]+)\?/.exec(message) ?? [];
    const what = flag === undefined ? 'There is no such flag.' : `This command has no flag ${flag}.`;
    return meant === undefined ? what : `${what} Did you mean ${meant}?`;
  }
  if (code === 'commander.invalidArgument') {
    const [, flag, choices] = /option '(--[a-z-]+).* is invalid\. Allowed choices are (.*)\.$/s.exec(message) ?? [];
    if (flag !== undefined) return `${flag} takes one of these: ${choices}.`;
  }
  if (code === 'commander.missingArgument' || code === 'commander.optionMissingArgument') return `${message.replace(/^error: /, '')}.`;
  return misuses[code] ?? 'The command is not understood.';
}
