import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { AppError } from '@leasehold/core';
import { createRegistry, type Logger, readPrivateFile, startOpsServer } from '@leasehold/runtime';
import { createSidecarMetrics } from './adapters/metrics/sidecar-metrics.ts';
import { startProxy } from './adapters/proxy/listener.ts';
import { startAgentPlane } from './compose-agent.ts';
import type { SidecarSettings } from './settings.ts';

export interface RunningSidecar {
  readonly proxyPort: number;
  readonly metricsPort: number;
  /** Resolves when `ended` aborted, leases are given back and everything is closed. */
  readonly closed: Promise<void>;
}

/** Picks the implementations and starts them: with `compose-agent.ts` the only place that knows all layers. */
export async function startSidecar(settings: SidecarSettings, log: Logger, ended: AbortSignal): Promise<RunningSidecar> {
  const given = required(settings);
  const registry = createRegistry('sidecar');
  const metrics = createSidecarMetrics(registry);
  const broker = { target: given.broker, caPem: await readCa(given.caFile), serverName: settings['broker-server-name'] };
  const agentToken = async () => (await readPrivateFile(given.tokenFile)).toString('utf8').trim();
  // Read once now: a missing or loose file is told at start, not at the first request.
  await agentToken();

  const instanceName = settings['instance-name'] ?? hostname();
  const plane = startAgentPlane({ broker, agentToken, instanceName, settings, metrics, log }, ended);
  metrics.observe({
    cacheEntries: () => plane.heldLeases,
    inFlight: () => plane.inFlight,
    stalenessMs: () => plane.stalenessMs,
    unsentUseBatches: () => plane.unsentUseBatches,
  });
  const proxy = await startProxy(
    { host: loopback(settings['proxy-host']), port: settings['proxy-port'], serviceFor: () => plane.service, onRefused: metrics.exchanged },
    ended,
  );
  const ready = async () => {
    const why = plane.trouble();
    return why === undefined ? { ready: true } : { ready: false, why };
  };
  const ops = await startOpsServer({ host: settings['metrics-host'], port: settings['metrics-port'], registry, ready }, ended);
  return { proxyPort: proxy.port, metricsPort: ops.port, closed: plane.closed };
}

function required(settings: SidecarSettings): { readonly broker: string; readonly caFile: string; readonly tokenFile: string } {
  const { broker, 'broker-ca-file': caFile, 'agent-token-file': tokenFile } = settings;
  const problems = [
    ...(broker === undefined
      ? ['--broker is required: host:port of the broker’s gRPC address.']
      : /^.+:\d{1,5}$/.test(broker)
        ? []
        : [`--broker "${broker}" is no host:port.`]),
    ...(caFile === undefined ? ['--broker-ca-file is required: the CA certificate that the broker wrote.'] : []),
    ...(tokenFile === undefined ? ['--agent-token-file is required: the token that `leasehold agent add` printed.'] : []),
  ];
  if (broker === undefined || caFile === undefined || tokenFile === undefined || problems.length > 0)
    throw new AppError('invalid_argument', problems.join('\n'));
  return { broker, caFile, tokenFile };
}

async function readCa(path: string): Promise<string> {
  const pem = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AppError('invalid_argument', `--broker-ca-file ${path} can't be read. Copy the broker's ca.pem there.`, { cause });
  });
  if (!pem.includes('BEGIN CERTIFICATE')) throw new AppError('invalid_argument', `--broker-ca-file ${path} holds no PEM certificate.`);
  return pem;
}

/** Whoever reaches the proxy borrows as its agent: nobody off this machine may (THREATS 16). */
function loopback(host: string): string {
  if (host === '127.0.0.1' || host === '::1') return host;
  throw new AppError('invalid_argument', `--proxy-host ${host} is not loopback. A sidecar serves its own pod: use 127.0.0.1 or ::1.`);
}
