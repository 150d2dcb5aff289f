import { styleText } from 'node:util';
import type { Command } from 'commander';
import type { Finding } from '../doctor/finding.ts';
import { printable } from '../output/printer.ts';
import { type RunFlags, withAgentFlags } from './run.ts';

interface DoctorFlags extends RunFlags {
  readonly json?: boolean;
}

export function addDoctorCommand(program: Command): void {
  withAgentFlags(program.command('doctor [command...]'))
    .description('looks at what `run` depends on; with a command, runs it and shows where its calls go')
    .option('--json', 'print a JSON object')
    .action(async (command: readonly string[], flags: DoctorFlags) => {
      const { findings, exitCode } = await examine(command, flags);
      const firstBad = findings.find(({ ok }) => !ok);
      process.stdout.write(flags.json === true ? `${JSON.stringify(resultOf(findings, exitCode))}\n` : findings.map(textOf).join(''));
      // What is worse is told first: that a call was refused says little when another went around the sidecar.
      process.exitCode = (findings.find(({ ok, exitCode: code }) => !ok && code !== 3) ?? firstBad)?.exitCode ?? 0;
    });
}

async function examine(
  command: readonly string[],
  flags: DoctorFlags,
): Promise<{ readonly findings: readonly Finding[]; readonly exitCode: number | null }> {
  if (command.length === 0) {
    const { checkSurroundings } = await import('../doctor/check-surroundings.ts');
    return { findings: await checkSurroundings({ flags, env: process.env }), exitCode: null };
  }
  const [{ findBroker }, { checkCommand }] = await Promise.all([import('../run/find-broker.ts'), import('../doctor/check-command.ts')]);
  return checkCommand({
    command,
    connection: await findBroker(flags, process.env),
    useBaseUrls: flags.baseUrl === true,
    logFile: flags.logFile,
    logLevel: flags.logLevel,
    env: process.env,
    // Standard output is the report's alone.
    output: process.stderr,
  });
}

/** The documented shape: see docs/cli.md. */
function resultOf(findings: readonly Finding[], exitCode: number | null): object {
  return {
    ok: findings.every(({ ok }) => ok),
    command_exit_code: exitCode,
    findings: findings.map(({ check, ok, found, advice }) => ({ check, ok, found, advice })),
  };
}

function textOf({ ok, found, advice }: Finding): string {
  const isColoured = process.stdout.isTTY && (process.env.NO_COLOR ?? '') === '';
  const mark = ok ? '✓' : '✗';
  const shown = isColoured ? styleText(ok ? 'green' : 'red', mark) : mark;
  const [what, next] = [found, advice ?? ''].map((text) => printable(text.replaceAll('\n', ' ')));
  return `${shown} ${what}\n${next === '' ? '' : `  ${next}\n`}`;
}
