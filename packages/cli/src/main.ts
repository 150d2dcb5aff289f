import { CommanderError } from 'commander';
import { errorLines } from './error-lines.ts';
import { createProgram } from './program.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever read has seen enough, as `| head` does; anything else means that results got lost.
  if (error.code !== 'EPIPE')
    process.stderr.write(`leasehold: The results could not be written (${error.code}).\nMake room, and try again.\n`);
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

try {
  await createProgram().parseAsync(process.argv);
} catch (thrown) {
  if (!(thrown instanceof CommanderError && thrown.exitCode === 0)) {
    const { code, text } = errorLines(thrown);
    process.stderr.write(text);
    process.exitCode = code;
  }
}
