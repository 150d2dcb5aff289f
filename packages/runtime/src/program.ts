import { AppError } from '@leasehold/core';
import type { Logger } from 'pino';
import { createLog } from './log.ts';
import { describeSettings, readSettings, type SettingSpecs, type Settings } from './settings.ts';
import { refuseUnsafeEnvironment } from './unsafe-environment.ts';
import { version } from './version.ts';

/** What a running program gets from its process. */
export interface ProgramContext<S extends SettingSpecs> {
  readonly settings: Settings<S>;
  readonly log: Logger;
  /** Aborts on SIGTERM, SIGINT, and when a parent that spawned us over IPC is gone. */
  readonly ended: AbortSignal;
  /** Tells a parent process (and the log) that everything listens; `facts` are ports and paths, never secrets. */
  readonly announce: (facts: Readonly<Record<string, string | number>>) => void;
}

export interface Program<S extends SettingSpecs> {
  /** `leasehold-broker` */
  readonly name: string;
  readonly about: string;
  readonly envPrefix: string;
  readonly settings: S;
  /** Resolves when `ended` aborted and everything is closed. */
  readonly run: (context: ProgramContext<S>) => Promise<void>;
}

const logLevel = {
  'log-level': {
    kind: 'choice',
    about: 'Least level that is logged.',
    fallback: 'info',
    choices: ['trace', 'debug', 'info', 'warn', 'error'],
  },
} as const;

/** Longest orderly shutdown, ms; then the process leaves anyway. */
const shutdownMs = 4_500;

/** Runs a program as this process's main job; sets the exit code: 0 done, 1 failed, 2 used wrongly. */
export async function runProgram<const S extends SettingSpecs>(program: Program<S>): Promise<void> {
  const argv = process.argv.slice(2);
  const specs = { ...program.settings, ...logLevel };
  if (argv.includes('--help')) {
    process.stdout.write(
      `${program.name}: ${program.about}\n\n${describeSettings(specs)}\n\nEach setting can be given as ${program.envPrefix}<NAME> too.\n`,
    );
    return;
  }
  const log = createLog({ program: program.name, version, level: levelOf(argv, process.env, program.envPrefix) });
  try {
    refuseUnsafeEnvironment(process.env, process.execArgv);
    const settings = readSettings(specs, { argv, env: process.env, envPrefix: program.envPrefix });
    const ended = endOfProcess(log);
    await program.run({ settings: settings as Settings<S>, log, ended, announce: (facts) => announce(log, facts) });
  } catch (thrown) {
    fail(log, thrown);
  }
}

function announce(log: Logger, facts: Readonly<Record<string, string | number>>): void {
  log.info(facts, 'ready');
  process.send?.({ ready: facts });
}

function fail(log: Logger, thrown: unknown): void {
  const isUsage = thrown instanceof AppError && thrown.code === 'invalid_argument';
  log.fatal({ err: thrown }, 'stopped by an error');
  if (thrown instanceof AppError) process.send?.({ failed: { code: thrown.code, message: thrown.message } });
  process.exitCode = isUsage ? 2 : 1;
  // What is still open must not keep a failed process alive.
  setTimeout(() => process.exit(), 100).unref();
}

function endOfProcess(log: Logger): AbortSignal {
  const end = new AbortController();
  const stop = (why: string) => {
    if (end.signal.aborted) return;
    log.info({ why }, 'stopping');
    end.abort();
    setTimeout(() => {
      log.error('still busy at the end of the shutdown time');
      process.exit(1);
    }, shutdownMs).unref();
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  // Node's default for SIGUSR1 opens the inspector, which could read every secret (THREATS 28).
  process.on('SIGUSR1', () => log.warn('SIGUSR1 ignored: the inspector stays closed'));
  if (process.send !== undefined) {
    process.on('disconnect', () => stop('parent gone'));
    // Listening for it must not keep a process alive that has nothing else left to do.
    process.channel?.unref();
  }
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (thrown: unknown) => {
      log.fatal({ err: thrown }, event);
      process.exit(1);
    });
  }
  return end.signal;
}

function levelOf(argv: readonly string[], env: NodeJS.ProcessEnv, envPrefix: string): string {
  const at = argv.indexOf('--log-level');
  const wanted = (at === -1 ? undefined : argv[at + 1]) ?? env[`${envPrefix}LOG_LEVEL`] ?? '';
  const levels: readonly string[] = logLevel['log-level'].choices;
  return levels.includes(wanted) ? wanted : logLevel['log-level'].fallback;
}
