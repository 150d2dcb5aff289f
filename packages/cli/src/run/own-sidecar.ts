import { type FileHandle, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AgentTrust, AppError, agentEnvironment } from '@leasehold/core';
import { type ChildProgram, startProgram } from '../dev/child-program.ts';
import type { AgentConnection } from './find-broker.ts';
import { javaTrustStore } from './java-trust-store.ts';
import { joinTrust } from './join-trust.ts';
import { createSidecarPages, type SidecarPages } from './sidecar-pages.ts';

export interface OwnSidecar {
  /** What leads the command through it. */
  readonly block: Readonly<Record<string, string>>;
  /** Of the block, what stands in the place of what the user has set: certificates of both. */
  readonly joined: Readonly<Record<string, string>>;
  readonly pages: SidecarPages;
  readonly pid: number;
  /** Resolves when it is gone, whoever ended it. */
  readonly gone: Promise<void>;
  /** Gives its leases back, and takes everything away that it left. */
  stop(): Promise<void>;
}

export interface OwnSidecarOptions {
  readonly connection: AgentConnection;
  /** Its log is thrown away when not given. */
  readonly logFile: string | undefined;
  readonly logLevel: string;
  /** Of the user. */
  readonly env: NodeJS.ProcessEnv;
  /** Whether it counts what is called, for `pages.seenCalls`. */
  readonly isTallying?: boolean;
}

/**
 * A sidecar for one command, on free ports of loopback. Certificates for the command are in a directory of their own (mode 0700), which goes when it
 * does. Throws its AppError when it does not start.
 */
export async function startOwnSidecar({ connection, logFile, logLevel, env, isTallying = false }: OwnSidecarOptions): Promise<OwnSidecar> {
  const log = logFile === undefined ? undefined : await openLog(logFile);
  const dir = await mkdtemp(join(tmpdir(), 'leasehold-run-'));
  let program: ChildProgram | undefined;
  const stop = async () => {
    await program?.stop();
    await log?.close();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const { broker, caFile, tokenFile, serverName } = connection;
    const settings = [
      ...['--broker', broker, '--broker-ca-file', caFile, '--agent-token-file', tokenFile],
      ...(serverName === undefined ? [] : ['--broker-server-name', serverName]),
      ...['--proxy-port', '0', '--metrics-port', '0', '--ca-dir', join(dir, 'ca'), '--log-level', logLevel],
      ...(isTallying ? ['--tally-hosts'] : []),
    ];
    program = await startProgram('sidecar', settings, { log: log?.fd ?? 'ignore', isDetached: true });
    const { proxy_port, metrics_port, agent_ca_file, agent_bundle_file } = program.facts;
    const trust = await trustIn(dir, agent_ca_file, agent_bundle_file);
    return {
      block: agentEnvironment({ proxyUrl: `http://127.0.0.1:${proxy_port}`, trust }),
      joined: trust === undefined ? {} : await joinTrust(env, trust, dir),
      pages: createSidecarPages(`http://127.0.0.1:${metrics_port}`),
      pid: program.pid,
      gone: program.gone,
      stop,
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function openLog(path: string): Promise<FileHandle> {
  return open(path, 'a', 0o600).catch((cause: NodeJS.ErrnoException) => {
    throw new AppError('invalid_argument', `The log file ${path} can’t be written (${cause.code}).\nName another with --log-file.`, {
      cause,
    });
  });
}

async function trustIn(dir: string, certificateFile: string | undefined, bundleFile: string | undefined): Promise<AgentTrust | undefined> {
  if (certificateFile === undefined || bundleFile === undefined) return undefined;
  const javaTrustStoreFile = join(dir, 'trust.jks');
  await writeFile(javaTrustStoreFile, javaTrustStore(await readFile(bundleFile, 'utf8')));
  return { certificateFile, bundleFile, javaTrustStoreFile };
}
