import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DevStack } from './dev-stack.ts';
import { type RunningService, startService } from './service.ts';

export interface Gateway extends RunningService {
  readonly proxyPort: number;
  readonly metricsUrl: string;
  /** Of TLS that ends at the gateway. */
  readonly agentCaFile: string;
  /** Everything that it logged so far. */
  log(): Promise<string>;
}

/** A real gateway at this stack's broker, on free ports; its log level is trace. */
export async function startGateway(stack: DevStack, ...extraArgs: readonly string[]): Promise<Gateway> {
  gateways += 1;
  const logFile = join(stack.dir, `gateway-${gateways}.log`);
  const broker = ['--broker', stack.ready.broker.grpc, '--broker-ca-file', stack.ready.admin.ca_file];
  const ports = ['--proxy-port', '0', '--metrics-port', '0', '--log-level', 'trace'];
  const service = await startService('sidecar', ['--mode', 'gateway', ...broker, ...ports, ...extraArgs], logFile);
  return {
    ...service,
    proxyPort: Number(service.facts.proxy_port),
    agentCaFile: String(service.facts.agent_ca_file),
    metricsUrl: `http://127.0.0.1:${service.facts.metrics_port}`,
    log: () => readFile(logFile, 'utf8'),
  };
}

let gateways = 0;

/** Makes an agent as an operator would; resolves with its token. */
export async function addAgent(stack: DevStack, name: string): Promise<string> {
  return tokenIn(await stack.ok(['agent', 'add', name, '--json']));
}

/** The old token is worth nothing once this resolves. */
export async function rotateAgentToken(stack: DevStack, name: string): Promise<string> {
  return tokenIn(await stack.ok(['agent', 'rotate-token', name, '--wait', '--json']));
}

function tokenIn(output: string): string {
  for (const line of output.trim().split('\n')) {
    const { token } = JSON.parse(line);
    if (typeof token === 'string') return token;
  }
  throw new Error('no token was shown');
}

/** What a client sends whose proxy URL is http://agent:TOKEN@host:port. */
export function asAgent(token: string): { readonly 'proxy-authorization': string } {
  return { 'proxy-authorization': `Basic ${Buffer.from(`agent:${token}`).toString('base64')}` };
}
