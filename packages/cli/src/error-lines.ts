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
  const { code, what, next } = whatAndNext(AppError.from(thrown));
  return { code, text: `leasehold: ${what}\n${next}\n` };
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
  if (code === 'commander.missingArgument' || code === 'commander.optionMissingArgument') return `${message.replace(/^error: /, '')}.`;
  return misuses[code] ?? 'The command is not understood.';
}
