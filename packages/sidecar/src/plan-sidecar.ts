import { AppError, canonicalHost } from '@leasehold/core';
import { type SidecarSettings, sidecarSettings } from './settings.ts';

/** What settings come to, once they are known not to contradict each other. */
export type SidecarPlan = OneAgentPlan | GatewayPlan;

interface Common {
  readonly broker: string;
  readonly brokerCaFile: string;
}

export interface OneAgentPlan extends Common {
  readonly mode: 'sidecar';
  readonly tokenFile: string;
}

export interface GatewayPlan extends Common {
  readonly mode: 'gateway';
  readonly tls: { readonly certFile: string; readonly keyFile: string; readonly clientCaFile: string | undefined } | undefined;
  /** Canonical host names of our own. */
  readonly names: readonly string[];
}

const gatewayOnly = [
  'proxy-tls-cert-file',
  'proxy-tls-key-file',
  'proxy-client-ca-file',
  'agent-tokens-dir',
  'proxy-name',
  'max-agents',
  'agent-idle',
  'max-in-flight-per-agent',
  'metrics-per-agent',
  'workers',
] as const;

/** Throws AppError `invalid_argument` that lists every contradiction at once. */
export function planSidecar(settings: SidecarSettings): SidecarPlan {
  const problems: string[] = [];
  const { broker, 'broker-ca-file': brokerCaFile } = settings;
  if (broker === undefined) problems.push('--broker is required: host:port of the broker’s gRPC address.');
  else if (!/^.+:\d{1,5}$/.test(broker)) problems.push(`--broker "${broker}" is no host:port.`);
  if (brokerCaFile === undefined) problems.push('--broker-ca-file is required: the CA certificate that the broker wrote.');
  const common = { broker: broker ?? '', brokerCaFile: brokerCaFile ?? '' };
  const plan = settings.mode === 'gateway' ? planGateway(settings, common, problems) : planOneAgent(settings, common, problems);
  if (problems.length > 0) throw new AppError('invalid_argument', problems.join('\n'));
  return plan;
}

function planOneAgent(settings: SidecarSettings, common: Common, problems: string[]): OneAgentPlan {
  const { 'agent-token-file': tokenFile, 'proxy-host': host } = settings;
  if (tokenFile === undefined) problems.push('--agent-token-file is required: the token that `leasehold agent add` printed.');
  for (const name of gatewayOnly)
    if (String(settings[name]) !== String(sidecarSettings[name].fallback)) problems.push(`--${name} belongs to --mode gateway.`);
  // Whoever reaches the proxy borrows as its agent: nobody off this machine may (THREATS 16).
  if (!isLoopback(host)) problems.push(`--proxy-host ${host} is not loopback. A sidecar serves its own pod: use 127.0.0.1 or ::1.`);
  return { mode: 'sidecar', ...common, tokenFile: tokenFile ?? '' };
}

function planGateway(settings: SidecarSettings, common: Common, problems: string[]): GatewayPlan {
  const { 'proxy-tls-cert-file': certFile, 'proxy-tls-key-file': keyFile, 'proxy-client-ca-file': clientCaFile } = settings;
  const { 'agent-tokens-dir': tokensDir, 'proxy-host': host } = settings;
  for (const name of ['redirect-http-port', 'redirect-tls-port'] as const)
    if (settings[name] !== undefined)
      problems.push(`--${name} belongs to --mode sidecar: a connection that was redirected on its way can't prove which agent made it.`);
  if (settings['agent-token-file'] !== undefined)
    problems.push('--agent-token-file belongs to --mode sidecar: agents of a gateway bring their own.');
  if (settings['tally-hosts']) problems.push('--tally-hosts belongs to --mode sidecar: no agent may see what another calls.');
  if ((certFile === undefined) !== (keyFile === undefined))
    problems.push('--proxy-tls-cert-file and --proxy-tls-key-file belong together: give both, or none.');
  if (!isLoopback(host) && certFile === undefined)
    problems.push(
      `--proxy-host ${host} is not loopback, and agent tokens must not cross a network in clear: give --proxy-tls-cert-file and --proxy-tls-key-file.`,
    );
  if (clientCaFile !== undefined && certFile === undefined)
    problems.push('--proxy-client-ca-file needs TLS: give --proxy-tls-cert-file and --proxy-tls-key-file.');
  if ((clientCaFile === undefined) !== (tokensDir === undefined))
    problems.push(
      '--proxy-client-ca-file and --agent-tokens-dir belong together: a certificate says which agent, its token proves it to the broker.',
    );
  if (settings.workers > 1 && settings['ca-dir'] !== undefined)
    problems.push('--ca-dir does not go with --workers: each process would have a CA of its own. Leave one of them out.');
  return {
    mode: 'gateway',
    ...common,
    tls: certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile, clientCaFile },
    names: settings['proxy-name'].map((name) => canonicalName(name, problems)),
  };
}

function canonicalName(name: string, problems: string[]): string {
  const host = canonicalHost(name);
  if (host === undefined) problems.push(`--proxy-name "${name}" is no host name.`);
  return host ?? name;
}

function isLoopback(host: string): boolean {
  return host === '127.0.0.1' || host === '::1';
}
