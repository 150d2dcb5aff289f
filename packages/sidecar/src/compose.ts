import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { AppError, formatAuthority } from '@leasehold/core';
import {
  answerPrimary,
  createRegistry,
  type Logger,
  type OpsPage,
  readPrivateFile,
  startOpsServer,
  workerNumber,
} from '@leasehold/runtime';
import { createSidecarMetrics } from './adapters/metrics/sidecar-metrics.ts';
import { startProxy } from './adapters/proxy/listener.ts';
import type { ProxyTls } from './adapters/proxy/proxy-tls.ts';
import type { RedirectPorts } from './adapters/proxy/redirect-listener.ts';
import { unforeseen } from './adapters/proxy/refusal.ts';
import type { TrustFiles } from './adapters/tls/trust-files.ts';
import { createOutgoingConnections } from './adapters/upstream/outgoing-connections.ts';
import { type AgentPlaneOptions, startAgentPlane } from './compose-agent.ts';
import { serveGateway } from './compose-gateway.ts';
import { startInterception } from './compose-interception.ts';
import { planSidecar } from './plan-sidecar.ts';
import type { ServedAgents } from './served-agents.ts';
import type { SidecarSettings } from './settings.ts';

export interface RunningSidecar {
  readonly proxyPort: number;
  readonly redirectPorts: RedirectPorts;
  /** Undefined in a worker, for which its primary speaks. */
  readonly metricsPort: number | undefined;
  /** Where agents find our CA; undefined without --ca-dir. */
  readonly trustFiles: TrustFiles | undefined;
  /** Resolves when `ended` aborted, leases are given back and everything is closed. */
  readonly closed: Promise<void>;
}

/** Picks the implementations and starts them: with `compose-agent.ts` and `compose-gateway.ts` the only place that knows all layers. */
export async function startSidecar(settings: SidecarSettings, log: Logger, ended: AbortSignal): Promise<RunningSidecar> {
  const plan = planSidecar(settings);
  const registry = createRegistry('sidecar');
  const metrics = createSidecarMetrics(registry);
  const broker = { target: plan.broker, caPem: await readCa(plan.brokerCaFile), serverName: settings['broker-server-name'] };
  const tls = plan.mode === 'gateway' && plan.tls !== undefined ? await readProxyTls(plan.tls) : undefined;
  const outgoing = createOutgoingConnections();
  const onUnforeseen = (message: unknown) => log.error(message, 'a request failed in a way that nobody foresaw');
  unforeseen.subscribe(onUnforeseen);
  const worker = workerNumber();
  const name = settings['instance-name'] ?? hostname();
  const options = { settings, broker, instanceName: worker === undefined ? name : `${name}/${worker}`, metrics, log, outgoing };
  const agents =
    plan.mode === 'gateway' ? serveGateway(options, ended) : await serveOneAgent({ ...options, tokenFile: plan.tokenFile }, ended);
  const closed = agents.closed.then(() => void unforeseen.unsubscribe(onUnforeseen));
  metrics.observe(agents.gauges);
  const interception = await startInterception(options);
  const proxy = await startProxy(
    {
      host: settings['proxy-host'],
      port: settings['proxy-port'],
      serviceFor: agents.serviceFor,
      onAccepted: agents.onAccepted,
      onRefused: metrics.exchanged,
      tls,
      ownNames: plan.mode === 'gateway' ? plan.names : [],
      ...interception.proxy,
      redirect: agents.only && {
        ports: { http: settings['redirect-http-port'], tls: settings['redirect-tls-port'] },
        service: agents.only,
        isOurs: outgoing.isOurs,
      },
    },
    ended,
  );
  const ready = async () => {
    const why = agents.trouble();
    return why === undefined ? { ready: true } : { ready: false, why };
  };
  if (worker !== undefined) {
    answerPrimary({ registry, ready }, ended);
    return {
      proxyPort: proxy.port,
      redirectPorts: proxy.redirect,
      metricsPort: undefined,
      trustFiles: interception.trustFiles,
      closed,
    };
  }
  const proxyUrl = formatAuthority({ scheme: 'http', host: settings['proxy-host'], port: proxy.port });
  const { environment, hosts } = agents;
  const pages: Record<string, OpsPage> = {
    '/tls-rejections': () => ({ rejections: interception.rejections.list() }),
    ...(hosts !== undefined && { '/hosts': () => ({ hosts: hosts() }) }),
    ...(environment !== undefined && { '/environment': () => environment(proxyUrl) }),
  };
  const ops = await startOpsServer({ host: settings['metrics-host'], port: settings['metrics-port'], registry, ready, pages }, ended);
  return {
    proxyPort: proxy.port,
    redirectPorts: proxy.redirect,
    metricsPort: ops.port,
    trustFiles: interception.trustFiles,
    closed,
  };
}

interface OneAgentOptions extends Pick<AgentPlaneOptions, 'settings' | 'broker' | 'instanceName' | 'metrics' | 'log' | 'outgoing'> {
  readonly tokenFile: string;
}

/** Whoever reaches the proxy is the agent that the sidecar sits beside. */
async function serveOneAgent({ tokenFile, ...options }: OneAgentOptions, ended: AbortSignal): Promise<ServedAgents> {
  const agentToken = async () => (await readPrivateFile(tokenFile)).toString('utf8').trim();
  // Read once now: a missing or loose file is told at start, not at the first request.
  await agentToken();
  const plane = startAgentPlane(
    {
      ...options,
      agentToken,
      exchangeMetrics: options.metrics,
      limits: { maxInFlight: undefined, maxWaiting: 1_000, maxKeptConnections: 10_000, maxPools: 1_000, maxUnsentUseBatches: 60 },
      // The file may be about to change: it is read again for the next session.
      onIdentityRefused: () => undefined,
    },
    ended,
  );
  return {
    serviceFor: () => plane.service,
    only: plane.service,
    gauges: {
      agents: () => 1,
      cacheEntries: () => plane.heldLeases,
      inFlight: () => plane.inFlight,
      stalenessMs: () => plane.stalenessMs,
      unsentUseBatches: () => plane.unsentUseBatches,
    },
    trouble: plane.trouble,
    environment: plane.environment,
    hosts: plane.hosts,
    closed: plane.closed,
  };
}

async function readProxyTls({
  certFile,
  keyFile,
  clientCaFile,
}: {
  certFile: string;
  keyFile: string;
  clientCaFile: string | undefined;
}): Promise<ProxyTls> {
  return {
    certPem: await readPem('--proxy-tls-cert-file', certFile),
    keyPem: await readPrivateFile(keyFile),
    clientCaPem: clientCaFile === undefined ? undefined : await readPem('--proxy-client-ca-file', clientCaFile),
  };
}

async function readPem(setting: string, path: string): Promise<Buffer> {
  const pem = await readFile(path).catch((cause: unknown) => {
    throw new AppError('invalid_argument', `${setting} ${path} can't be read. Check that the file exists and that this user may read it.`, {
      cause,
    });
  });
  if (!pem.includes('BEGIN CERTIFICATE')) throw new AppError('invalid_argument', `${setting} ${path} holds no PEM certificate.`);
  return pem;
}

async function readCa(path: string): Promise<string> {
  return (await readPem('--broker-ca-file', path)).toString('utf8');
}
