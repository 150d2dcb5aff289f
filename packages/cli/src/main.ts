import { CommanderError } from 'commander';
import { errorLines } from './exit-codes.ts';
import { createProgram } from './program.ts';

try {
  await createProgram().parseAsync(process.argv);
} catch (thrown) {
  if (thrown instanceof CommanderError) misused(thrown);
  else failed(thrown);
}

function failed(thrown: unknown): void {
  const { code, text } = errorLines(thrown);
  process.stderr.write(text);
  process.exitCode = code;
}

/** Used wrongly. Commander's text is kept where it names flags and commands, and dropped where it would repeat arguments. */
function misused({ code, exitCode, message }: CommanderError): void {
  if (exitCode === 0) return;
  const what: Readonly<Record<string, string>> = {
    'commander.excessArguments':
      'There are more arguments than this command takes. A secret value is never an argument: it comes on standard input.',
    'commander.help': 'A command is missing.',
    'commander.unknownCommand': 'There is no such command.',
  };
  process.stderr.write(`leasehold: ${what[code] ?? message.replace(/^error: /, '')}\nRun the command with --help to see how it is used.\n`);
  process.exitCode = 2;
}
