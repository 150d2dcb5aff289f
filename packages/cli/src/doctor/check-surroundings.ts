import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { AppError } from '@leasehold/core';
import { refuseUnsafeEnvironment } from '@leasehold/runtime';
import { whatAndNext } from '../error-lines.ts';
import { commandEnvironment } from '../run/command-environment.ts';
import { type AgentConnectionFlags, findBroker } from '../run/find-broker.ts';
import { startOwnSidecar } from '../run/own-sidecar.ts';
import { bad, type Finding, good } from './finding.ts';

export interface SurroundingsOptions {
  readonly flags: AgentConnectionFlags & { readonly logFile?: string; readonly logLevel: string };
  readonly env: NodeJS.ProcessEnv;
}

/** What `run` depends on, looked at without a command: the environment, Node, the broker, and a sidecar that is started and ended for it. */
export async function checkSurroundings(options: SurroundingsOptions): Promise<readonly Finding[]> {
  return [...checkEnvironment(options.env), ...(await checkNode(options.env)), ...(await checkSidecar(options))];
}

function checkEnvironment(env: NodeJS.ProcessEnv): readonly Finding[] {
  try {
    refuseUnsafeEnvironment(env, []);
    return [good('environment', 'no variable of the environment weakens the sidecar')];
  } catch (thrown) {
    // Each of its lines is a variable of its own, with what to do about it.
    return AppError.from(thrown)
      .message.split('\n')
      .map((line) => {
        const { what, next } = whatAndNext(new AppError('invalid_argument', line));
        return bad('environment', what, next, 2);
      });
  }
}

const firstWithProxy = 22;

async function checkNode(env: NodeJS.ProcessEnv): Promise<readonly Finding[]> {
  const version = await promisify(execFile)('node', ['--version'], { env }).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
  // Not everybody's agents are written for Node.
  if (version === undefined) return [];
  const major = Number(/^v(\d+)/.exec(version)?.[1] ?? 0);
  if (major >= firstWithProxy) return [good('runtime', `node ${version} reads the proxy from its environment`)];
  return [
    bad('runtime', `node ${version} does not read the proxy from its environment.`, `Use Node ${firstWithProxy} or newer, or --base-url.`),
  ];
}

async function checkSidecar({ flags, env }: SurroundingsOptions): Promise<readonly Finding[]> {
  try {
    const connection = await findBroker(flags, env);
    const sidecar = await startOwnSidecar({ connection, env, logFile: flags.logFile, logLevel: flags.logLevel });
    try {
      const variables = await sidecar.pages.ready(new AbortController().signal);
      const { notes } = commandEnvironment(env, sidecar, variables);
      return [
        good('broker', `a sidecar is in step with the broker at ${connection.broker}, as the agent of ${connection.tokenFile}`),
        variables.length > 0
          ? good('credentials', `the agent is given ${variables.length} variables by its credentials`)
          : good('credentials', 'no credential of the agent sets a variable'),
        ...notes.map(({ found, advice }) => bad('environment', found, advice)),
      ];
    } finally {
      await sidecar.stop();
    }
  } catch (thrown) {
    const { code, what, next } = whatAndNext(AppError.from(thrown));
    return [bad('broker', what, next, code)];
  }
}
