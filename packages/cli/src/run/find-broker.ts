import { AppError } from '@leasehold/core';
import { given, readAdminFile, stateDirectory } from '../connection.ts';

/** What a sidecar needs to reach its broker as an agent. */
export interface AgentConnection {
  /** host:port of gRPC. */
  readonly broker: string;
  readonly caFile: string;
  readonly tokenFile: string;
  /** Name in the broker's certificate, where it is not that of the host. */
  readonly serverName: string | undefined;
}

export interface AgentConnectionFlags {
  readonly dir?: string;
  readonly broker?: string;
  readonly brokerCaFile?: string;
  readonly brokerServerName?: string;
  readonly agentTokenFile?: string;
}

/**
 * A state directory that is named goes before variables, flags that name a broker go before both, and a state directory that nobody names comes last.
 * Throws AppError `invalid_argument` that names what is missing or contradicts, or `broker_unreachable`.
 */
export async function findBroker(flags: AgentConnectionFlags, env: NodeJS.ProcessEnv): Promise<AgentConnection> {
  if (flags.dir !== undefined) {
    if ((flags.broker ?? flags.brokerCaFile ?? flags.brokerServerName ?? flags.agentTokenFile) !== undefined)
      throw new AppError('invalid_argument', '--dir names a broker, and so do --broker and its like.\nGive one or the other.');
    return ofStateDirectory(stateDirectory(flags.dir, env));
  }
  const wanted = {
    '--broker (LEASEHOLD_BROKER)': flags.broker ?? given(env.LEASEHOLD_BROKER),
    '--broker-ca-file (LEASEHOLD_BROKER_CA_FILE)': flags.brokerCaFile ?? given(env.LEASEHOLD_BROKER_CA_FILE),
    '--agent-token-file (LEASEHOLD_AGENT_TOKEN_FILE)': flags.agentTokenFile ?? given(env.LEASEHOLD_AGENT_TOKEN_FILE),
  };
  const serverName = flags.brokerServerName ?? given(env.LEASEHOLD_BROKER_SERVER_NAME);
  const [broker, caFile, tokenFile] = Object.values(wanted);
  if (broker !== undefined && caFile !== undefined && tokenFile !== undefined) return { broker, caFile, tokenFile, serverName };
  const missing = Object.entries(wanted).flatMap(([name, value]) => (value === undefined ? [name] : []));
  if (missing.length < Object.keys(wanted).length)
    throw new AppError(
      'invalid_argument',
      `To reach a broker, ${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing.\nGive all three, or none and a state directory (--dir).`,
    );
  return ofStateDirectory(stateDirectory(undefined, env));
}

async function ofStateDirectory(dir: string): Promise<AgentConnection> {
  const { grpc, agent_token_file: tokenFile, ca_file: caFile } = await readAdminFile(dir);
  if (typeof grpc !== 'string' || typeof tokenFile !== 'string' || typeof caFile !== 'string')
    throw new AppError('invalid_argument', `${dir} names no agent to run as.\nStart the broker again with: leasehold dev --dir ${dir}`);
  return { broker: grpc, caFile, tokenFile, serverName: undefined };
}
