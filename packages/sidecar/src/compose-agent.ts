import { randomUUID } from 'node:crypto';
import { canonicalHost } from '@leasehold/core';
import { type Logger, systemClock } from '@leasehold/runtime';
import type { BrokerLink } from './adapters/broker/channel.ts';
import { createGrpcBroker } from './adapters/broker/grpc-broker.ts';
import type { SidecarMetrics } from './adapters/metrics/sidecar-metrics.ts';
import type { OutgoingConnections } from './adapters/upstream/outgoing-connections.ts';
import { resolveBySystem } from './adapters/upstream/resolve.ts';
import { createUpstream } from './adapters/upstream/upstream.ts';
import { createAgentService } from './app/agent-service.ts';
import { type EnvironmentPage, environmentPage } from './app/environment-page.ts';
import type { ExchangeMetrics } from './app/exchange.ts';
import { type CalledHost, createHostTally } from './app/host-tally.ts';
import { createKeptConnections } from './app/kept-connections.ts';
import { createKnownRoutes } from './app/known-routes.ts';
import { createLeaseCache } from './app/lease-cache.ts';
import { limitInFlight } from './app/limit-in-flight.ts';
import { createRevocationFollower } from './app/revocation-follower.ts';
import { createStanding } from './app/standing.ts';
import { createUseLog } from './app/use-log.ts';
import { observeFollower, observeLeases, observeUseReports } from './observe.ts';
import { patience } from './patience.ts';
import type { AgentService } from './ports/agent-service.ts';
import type { SidecarSettings } from './settings.ts';

export interface AgentPlaneOptions {
  readonly broker: BrokerLink;
  /** Read anew for each session. */
  readonly agentToken: () => Promise<string> | string;
  readonly instanceName: string;
  readonly settings: SidecarSettings;
  readonly metrics: SidecarMetrics;
  readonly exchangeMetrics: ExchangeMetrics;
  readonly log: Logger;
  readonly outgoing?: OutgoingConnections;
  readonly limits: AgentLimits;
  /** The broker does not take the agent token: each time that it says so. */
  readonly onIdentityRefused: () => void;
}

/** What one agent may take of this process. */
export interface AgentLimits {
  /** Requests and streams under its leases; undefined: as many as come. */
  readonly maxInFlight: number | undefined;
  /** Requests that wait for the broker, for one credential. */
  readonly maxWaiting: number;
  /** Connections kept for it beyond a request. */
  readonly maxKeptConnections: number;
  /** Origins that it has connections to. */
  readonly maxPools: number;
  /** Use batches kept for an absent broker. */
  readonly maxUnsentUseBatches: number;
}

/** All that belongs to one agent: its session, what it has borrowed, its routes, rates and connections. No two agents share any of it (THREATS 40). */
export interface AgentPlane {
  readonly service: AgentService;
  /** What keeps it from working now; undefined when it is in step and knows its routes. */
  trouble(): string | undefined;
  /** Resolves once its routes are known, or it is known why not. */
  readonly settled: Promise<void>;
  /** For an agent that reaches this plane at `proxyUrl`. */
  environment(proxyUrl: string): EnvironmentPage;
  /** Undefined without --tally-hosts. */
  readonly hosts: (() => readonly CalledHost[]) | undefined;
  readonly heldLeases: number;
  readonly inFlight: number;
  readonly keptConnections: number;
  readonly stalenessMs: number | undefined;
  readonly unsentUseBatches: number;
  /** Resolves when `ended` aborted, leases are given back, and everything is wiped and closed. */
  readonly closed: Promise<void>;
}

const idlePoolMs = 300_000;
/** How long a vendor may go on after an agent has ended its side of a WebSocket. */
const halfOpenMs = 30_000;
/** Longest wait of a new agent's first request for its routes. */
const settleMs = 3_000;

const maxTalliedHosts = 500;

const notInStep = { code: 'out_of_step', message: 'out of step with the broker' } as const;

export function startAgentPlane(options: AgentPlaneOptions, ended: AbortSignal): AgentPlane {
  const { settings, metrics, log, limits } = options;
  const clock = systemClock;
  const random = Math.random;
  const broker = createGrpcBroker({
    ...options.broker,
    agentToken: options.agentToken,
    instanceId: randomUUID(),
    instanceName: options.instanceName,
    clock,
    deadlineMs: 2_000,
    onIdentityRefused: options.onIdentityRefused,
  });
  const standing = createStanding({ clock, maxWaiters: limits.maxWaiting });
  const leases = createLeaseCache({
    broker,
    clock,
    random,
    standing,
    maxEntries: settings['max-leases'],
    maxWaitersPerCredential: limits.maxWaiting,
    pauseAfterFailureMs: patience.pauseAfterFailureMs,
    stepWaitMs: patience.stepWaitMs,
    streamGraceMs: settings['stream-grace'],
    onEvent: observeLeases(metrics, log),
  });
  const { promise: settled, resolve: settle } = Promise.withResolvers<void>();
  const settling = setTimeout(settle, settleMs);
  settling.unref();
  const routes = createKnownRoutes();
  const observe = observeFollower(metrics, log);
  const follower = createRevocationFollower({
    broker,
    clock,
    random,
    backoff: patience.backoff,
    helloTimeoutMs: patience.helloTimeoutMs,
    standing,
    holdings: leases,
    routes: {
      current: routes.current,
      replace: (next) => {
        routes.replace(next);
        settle();
      },
    },
    onEvent: (event) => {
      observe(event);
      if (event.kind === 'disconnected') settle();
    },
  });
  const useLog = createUseLog({
    broker,
    clock,
    random,
    windowMs: 1_000,
    maxUnsent: limits.maxUnsentUseBatches,
    retry: patience.backoff,
    onEvent: observeUseReports(log),
  });
  const upstream = createUpstream({
    resolve: resolveBySystem,
    timeoutMs: settings['upstream-connect-timeout'],
    outgoing: options.outgoing,
    connectionsPerPool: settings['upstream-connections'],
    maxPools: limits.maxPools,
    idlePoolMs,
    maxWaiting: 1_000,
    waitMs: 30_000,
    idleConnectionMs: 30_000,
    headersTimeoutMs: settings['upstream-headers-timeout'],
    halfOpenMs,
  });
  const tally = settings['tally-hosts'] ? createHostTally(useLog, maxTalliedHosts) : undefined;
  const kept = createKeptConnections({ max: limits.maxKeptConnections });
  const service = createAgentService({
    leases: limits.maxInFlight === undefined ? leases : limitInFlight(leases, limits.maxInFlight),
    routes,
    upstream,
    useLog: tally ?? useLog,
    clock,
    metrics: options.exchangeMetrics,
    trouble: () => follower.trouble(clock.now()),
    agentName: () => standing.agentName,
    unmatched: settings.unmatched === 'tunnel' ? { tunnelExceptTo: hostsOf(options.broker) } : 'refuse',
    kept,
  });

  // Each in its order at the end: first no new requests, then the leases back, then the last use report, then the connection.
  const reporting = new AbortController();
  const reported = useLog.run(reporting.signal);
  const closed = follower.run(ended).then(async () => {
    clearTimeout(settling);
    const released = leases.close();
    kept.close();
    await released;
    await upstream.close();
    reporting.abort();
    await reported;
    broker.close();
  });

  return {
    service,
    trouble: () => {
      const now = clock.now();
      if (follower.isReady(now)) return undefined;
      return (follower.trouble(now) ?? notInStep).message;
    },
    environment: (proxyUrl) => {
      const now = clock.now();
      return environmentPage(routes.current(), proxyUrl, follower.isReady(now) ? null : (follower.trouble(now) ?? notInStep));
    },
    hosts: tally?.list,
    get heldLeases() {
      return leases.size;
    },
    get inFlight() {
      return leases.inFlight;
    },
    get keptConnections() {
      return kept.size;
    },
    get stalenessMs() {
      return follower.stalenessMs(clock.now());
    },
    get unsentUseBatches() {
      return useLog.unsent;
    },
    settled,
    closed,
  };
}

/** The broker as an agent would spell it. */
function hostsOf({ target }: BrokerLink): readonly string[] {
  const host = canonicalHost(target.slice(0, target.lastIndexOf(':')));
  return host === undefined ? [] : [host];
}
