import { AppError } from '@leasehold/core';
import type { Command } from 'commander';
import { stateDirectory } from '../connection.ts';

export function addDevCommand(program: Command): void {
  program
    .command('dev')
    .description('a broker and a sidecar on this machine, with one tenant and one agent called dev')
    .option('--dir <dir>', 'where everything is kept (default: LEASEHOLD_DIR, else ./.leasehold)')
    .option('--port <number>', 'port of the sidecar’s proxy and base URL; 0 means any free one', '7480')
    .option('--log-level <level>', 'of the services: trace, debug, info, warn or error', 'info')
    .option('--json', 'print one JSON line when everything is ready')
    .action(async (flags: { dir?: string; port: string; logLevel: string; json?: boolean }) => {
      const port = /^\d{1,5}$/.test(flags.port) ? Number(flags.port) : -1;
      if (port < 0 || port > 65_535)
        throw new AppError('invalid_argument', `--port "${flags.port}" is no port.\nGive a number from 0 (any free one) to 65535.`);
      const { runDev } = await import('../dev/run-dev.ts');
      process.exitCode = await runDev({
        dir: stateDirectory(flags.dir, process.env),
        port,
        logLevel: flags.logLevel,
        json: flags.json === true,
      });
    });
}
