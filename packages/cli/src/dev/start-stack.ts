import { open, readFile } from 'node:fs/promises';
import { createAdminClient } from '@leasehold/contract/admin';
import { AppError } from '@leasehold/core';
import { replaceFile } from '@leasehold/runtime';
import { createSidecarPages } from '../run/sidecar-pages.ts';
import { type ChildProgram, startProgram } from './child-program.ts';
import { devName, provisionDevAgent, renewDevToken } from './provision.ts';
import { openStateDirectory, type StateDirectory } from './state-directory.ts';

export interface Stack {
  readonly dir: string;
  readonly tenant: string;
  readonly agent: string;
  readonly proxyUrl: string;
  readonly baseUrl: string;
  /** Our CA for the agent, alone and with what the system trusts. */
  readonly agentCa: { readonly file: string; readonly bundleFile: string };
  readonly admin: { readonly url: string; readonly tokenFile: string; readonly caFile: string };
  readonly brokerGrpc: string;
  readonly brokerMetricsUrl: string;
  readonly sidecarMetricsUrl: string;
  readonly brokerPid: number;
  readonly sidecarPid: number;
  /** Resolves with an exit code when a service ended by itself. */
  readonly broken: Promise<number>;
  stop(): Promise<void>;
}

export interface StackOptions {
  readonly dir: string;
  /** Of the proxy; 0 means any free one. */
  readonly port: number;
  /** Of both services. */
  readonly logLevel?: string;
}

/** For each of the two, to end. */
const graceMs = 2_300;

/** A broker and a sidecar on this machine with one tenant and one agent, both called `dev`. All data lives in `dir`. */
export async function startStack({ dir, port, logLevel = 'info' }: StackOptions): Promise<Stack> {
  const state = await openStateDirectory(dir);
  const log = await open(state.logFile, 'a', 0o600);
  const running: ChildProgram[] = [];
  const stop = async () => {
    // The sidecar first: it gives its leases back. Both together in less than 5 s, after which supervisors kill.
    for (const program of running.toReversed()) await program.stop(graceMs);
    await log.close();
  };
  try {
    const broker = await startProgram(
      'broker',
      ['--state-dir', state.broker, '--grpc-port', '0', '--admin-port', '0', '--metrics-port', '0', '--log-level', logLevel],
      { log: log.fd },
    );
    running.push(broker);
    const admin = await publishAdmin(state, broker);
    const client = createAdminClient({
      url: admin.url,
      token: (await readFile(admin.tokenFile, 'utf8')).trim(),
      caPem: await readFile(admin.caFile, 'utf8'),
    });
    await provisionDevAgent(client, state.agentTokenFile);
    const grpc = grpcOf(broker);
    const startSidecar = () =>
      startProgram(
        'sidecar',
        [
          '--broker',
          grpc,
          '--broker-ca-file',
          admin.caFile,
          '--agent-token-file',
          state.agentTokenFile,
          '--ca-dir',
          state.agentCa,
          '--proxy-port',
          String(port),
          '--metrics-port',
          '0',
          '--log-level',
          logLevel,
        ],
        { log: log.fd },
      );
    const sidecar = await startServing(startSidecar, () => renewDevToken(client, state.agentTokenFile));
    running.push(sidecar);
    await client.close();
    const proxyUrl = `http://127.0.0.1:${sidecar.facts.proxy_port}`;
    return {
      dir: state.path,
      tenant: devName,
      agent: devName,
      proxyUrl,
      baseUrl: proxyUrl,
      agentCa: { file: sidecar.facts.agent_ca_file ?? '', bundleFile: sidecar.facts.agent_bundle_file ?? '' },
      admin,
      brokerGrpc: grpc,
      brokerMetricsUrl: `http://127.0.0.1:${broker.facts.metrics_port}/metrics`,
      sidecarMetricsUrl: `http://127.0.0.1:${sidecar.facts.metrics_port}/metrics`,
      brokerPid: broker.pid,
      sidecarPid: sidecar.pid,
      broken: Promise.race(running.map(({ gone }) => gone)).then(() => 1),
      stop,
    };
  } catch (thrown) {
    await stop();
    throw portTaken(thrown, port) ?? thrown;
  }
}

/** A sidecar that can serve its agent. One whose token is nobody's any more is started again, once, with another. */
async function startServing(start: () => Promise<ChildProgram>, renewToken: () => Promise<void>): Promise<ChildProgram> {
  for (let isRenewed = false; ; isRenewed = true) {
    const sidecar = await start();
    const serves = await isKnown(sidecar).catch(async (thrown: unknown) => {
      await sidecar.stop();
      throw thrown;
    });
    if (serves || isRenewed) return sidecar;
    await sidecar.stop();
    await renewToken();
  }
}

/** Waits until the sidecar is in step; false when its token is nobody's. An agent that is suspended is for its operator to resume. */
async function isKnown({ facts }: ChildProgram): Promise<boolean> {
  try {
    await createSidecarPages(`http://127.0.0.1:${facts.metrics_port}`).ready(new AbortController().signal);
    return true;
  } catch (thrown) {
    const { code } = AppError.from(thrown);
    if (code === 'identity_invalid') return false;
    if (code === 'agent_suspended' || code === 'tenant_suspended') return true;
    throw thrown;
  }
}

/** The sidecar names its own setting; whoever started all of this knows another. */
function portTaken(thrown: unknown, port: number): AppError | undefined {
  if (!(thrown instanceof AppError) || !thrown.message.includes(`Port ${port} on `)) return undefined;
  const message = `Port ${port} of this machine is taken.\nStop what uses it, or choose another with --port N (0 means any free one).`;
  return new AppError('invalid_argument', message, { cause: thrown });
}

function grpcOf(broker: ChildProgram): string {
  return `localhost:${broker.facts.grpc_port}`;
}

async function publishAdmin(state: StateDirectory, broker: ChildProgram): Promise<Stack['admin']> {
  const admin = {
    url: `https://localhost:${broker.facts.admin_port}`,
    tokenFile: broker.facts.operator_token_file ?? '',
    caFile: broker.facts.ca_file ?? '',
  };
  const forOperators = { url: admin.url, token_file: admin.tokenFile, ca_file: admin.caFile };
  // `run` starts a sidecar of its own with these.
  const forAgents = { grpc: grpcOf(broker), agent_token_file: state.agentTokenFile };
  await replaceFile(state.adminFile, `${JSON.stringify({ ...forOperators, ...forAgents })}\n`, 0o600);
  return admin;
}
