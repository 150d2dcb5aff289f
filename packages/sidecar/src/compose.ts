import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { AppError } from '@leasehold/core';
import { createRegistry, type Logger, readPrivateFile, startOpsServer, systemClock } from '@leasehold/runtime';
import { createGrpcBroker } from './adapters/broker/grpc-broker.ts';
import { createSidecarMetrics } from './adapters/metrics/sidecar-metrics.ts';
import { startProxy } from './adapters/proxy/listener.ts';
import { resolveBySystem } from './adapters/upstream/connect.ts';
import { createUndiciUpstream } from './adapters/upstream/undici-upstream.ts';
import { createHandleRequest } from './app/handle-request.ts';
import { createLeaseCache } from './app/lease-cache.ts';
import { createRevocationFollower } from './app/revocation-follower.ts';
import { createRouteTable } from './app/route-table.ts';
import { createStanding } from './app/standing.ts';
import { createUseLog } from './app/use-log.ts';
import { observeFollower, observeLeases, observeUseReports } from './observe.ts';
import type { SidecarSettings } from './settings.ts';

export interface RunningSidecar {
  readonly proxyPort: number;
  readonly metricsPort: number;
  /** Resolves when `ended` aborted, leases are given back and everything is closed. */
  readonly closed: Promise<void>;
}

const backoff = { firstMs: 100, maxMs: 5_000 };
const idlePoolMs = 300_000;
const maxPools = 1_000;

/** Picks the implementations and starts them: the one place that knows all layers. */
export async function startSidecar(settings: SidecarSettings, log: Logger, ended: AbortSignal): Promise<RunningSidecar> {
  const given = required(settings);
  const registry = createRegistry('sidecar');
  const metrics = createSidecarMetrics(registry);
  const clock = systemClock;
  const random = Math.random;
  const broker = createGrpcBroker({
    target: given.broker,
    caPem: await readCa(given.caFile),
    serverName: settings['broker-server-name'],
    agentToken: async () => (await readPrivateFile(given.tokenFile)).toString('utf8').trim(),
    instanceId: randomUUID(),
    instanceName: settings['instance-name'] ?? hostname(),
    clock,
    deadlineMs: 2_000,
  });
  // Read once now: a missing or loose file is told at start, not at the first request.
  await readPrivateFile(given.tokenFile);

  const standing = createStanding({ clock, maxWaiters: 1_000 });
  const leases = createLeaseCache({
    broker,
    clock,
    random,
    standing,
    maxEntries: settings['max-leases'],
    maxWaitersPerCredential: 1_000,
    pauseAfterFailureMs: 200,
    stepWaitMs: 3_000,
    streamGraceMs: settings['stream-grace'],
    onEvent: observeLeases(metrics, log),
  });
  const routes = createRouteTable();
  const follower = createRevocationFollower({
    broker,
    clock,
    random,
    backoff,
    helloTimeoutMs: 3_000,
    standing,
    holdings: leases,
    routes,
    onEvent: observeFollower(metrics, log),
  });
  const useLog = createUseLog({ broker, clock, random, windowMs: 1_000, maxUnsent: 60, retry: backoff, onEvent: observeUseReports(log) });
  const upstream = createUndiciUpstream({
    resolve: resolveBySystem,
    timeoutMs: settings['upstream-connect-timeout'],
    connectionsPerPool: settings['upstream-connections'],
    maxPools,
    idlePoolMs,
    maxWaiting: 1_000,
    waitMs: 30_000,
    idleConnectionMs: 30_000,
    headersTimeoutMs: settings['upstream-headers-timeout'],
  });
  metrics.observe({
    cacheEntries: () => leases.size,
    inFlight: () => leases.inFlight,
    stalenessMs: () => follower.stalenessMs(clock.now()),
    unsentUseBatches: () => useLog.unsent,
  });

  // Each in its order at the end: first no new requests, then the leases back, then the last use report, then the connection.
  const reporting = new AbortController();
  const following = follower.run(ended);
  const reported = useLog.run(reporting.signal);
  const handle = createHandleRequest({ leases, routes, upstream, useLog, clock, metrics, trouble: () => follower.trouble(clock.now()) });
  const proxy = await startProxy(
    { host: loopback(settings['proxy-host']), port: settings['proxy-port'], handle, onRefused: metrics.exchanged },
    ended,
  );
  const ready = async () => {
    const now = clock.now();
    if (follower.isReady(now)) return { ready: true };
    return { ready: false, why: follower.trouble(now)?.message ?? 'out of step with the broker' };
  };
  const ops = await startOpsServer({ host: settings['metrics-host'], port: settings['metrics-port'], registry, ready }, ended);

  const closed = following.then(async () => {
    await leases.close();
    await upstream.close();
    reporting.abort();
    await reported;
    broker.close();
  });
  return { proxyPort: proxy.port, metricsPort: ops.port, closed };
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
