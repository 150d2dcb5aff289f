import type { Command } from 'commander';
import type { AgentConnectionFlags } from '../run/find-broker.ts';

export interface RunFlags extends AgentConnectionFlags {
  readonly baseUrl?: boolean;
  readonly logFile?: string;
  readonly logLevel: string;
}

export function addRunCommand(program: Command): void {
  withAgentFlags(program.command('run <command...>'))
    .description('a command beside a sidecar of its own: its calls get the agent’s credentials, and it holds none of them')
    .action(async (command: readonly string[], flags: RunFlags) => {
      const [{ findBroker }, { runWithSidecar }] = await Promise.all([
        import('../run/find-broker.ts'),
        import('../run/run-with-sidecar.ts'),
      ]);
      const { code, why } = await runWithSidecar({
        command,
        connection: await findBroker(flags, process.env),
        useBaseUrls: flags.baseUrl === true,
        logFile: flags.logFile,
        logLevel: flags.logLevel,
        env: process.env,
        output: 'inherit',
        onNote: ({ found, advice }) => note(`${found} ${advice}`),
      });
      if (why !== undefined) note(why);
      process.exitCode = code;
    });
}

/** What a command beside a sidecar of its own may be told. Flags after its name are the command's. */
export function withAgentFlags(command: Command): Command {
  return command
    .passThroughOptions()
    .option('--dir <dir>', 'state directory of the broker (default: LEASEHOLD_DIR, else ./.leasehold)')
    .option('--broker <host:port>', 'gRPC address of the broker, in place of a state directory (LEASEHOLD_BROKER)')
    .option('--broker-ca-file <file>', 'its CA certificate (LEASEHOLD_BROKER_CA_FILE)')
    .option('--broker-server-name <name>', 'name in its certificate, when its host is an IP address (LEASEHOLD_BROKER_SERVER_NAME)')
    .option('--agent-token-file <file>', 'token of the agent to run as (LEASEHOLD_AGENT_TOKEN_FILE)')
    .option('--base-url', 'set the variables that lead SDKs to the base URL: for clients that know no proxy')
    .option('--log-file <file>', 'where the sidecar logs (default: nowhere)')
    .option('--log-level <level>', 'of the sidecar: trace, debug, info, warn or error', 'info');
}

function note(text: string): void {
  process.stderr.write(`leasehold: ${text}\n`);
}
