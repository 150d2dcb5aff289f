// The sidecar's data path as compose assembles it (lease cache, scrubber, metrics, use records, timeouts, rates), with a broker that answers in
// the same process, so that nothing but the path is measured. Started by the bench over IPC.

import type { Route } from '@leasehold/core';
import { createRegistry, systemClock } from '@leasehold/runtime';
import { createSidecarMetrics } from '../../../packages/sidecar/src/adapters/metrics/sidecar-metrics.ts';
import { startProxy } from '../../../packages/sidecar/src/adapters/proxy/listener.ts';
import { createLeafIssuer } from '../../../packages/sidecar/src/adapters/tls/leaf-issuer.ts';
import { createDialBlind } from '../../../packages/sidecar/src/adapters/upstream/dial-blind.ts';
import { resolveBySystem } from '../../../packages/sidecar/src/adapters/upstream/resolve.ts';
import { createUpstream } from '../../../packages/sidecar/src/adapters/upstream/upstream.ts';
import { createAgentService } from '../../../packages/sidecar/src/app/agent-service.ts';
import { createKeptConnections } from '../../../packages/sidecar/src/app/kept-connections.ts';
import { createKnownRoutes } from '../../../packages/sidecar/src/app/known-routes.ts';
import { createLeaseCache } from '../../../packages/sidecar/src/app/lease-cache.ts';
import { createRevocationFollower } from '../../../packages/sidecar/src/app/revocation-follower.ts';
import { createStanding } from '../../../packages/sidecar/src/app/standing.ts';
import { createUseLog } from '../../../packages/sidecar/src/app/use-log.ts';
import { patience } from '../../../packages/sidecar/src/patience.ts';
import type { Broker } from '../../../packages/sidecar/src/ports/broker.ts';

/** What main.ts passes as the one argument, as JSON. */
export interface UnderTest {
  readonly value: string;
  readonly plainPort: number;
  readonly tlsPort: number;
  readonly caPem: string;
}

const given: UnderTest = JSON.parse(process.argv[2] ?? '{}');
const end = new AbortController();
const clock = systemClock;
const random = Math.random;
const ids = { epoch: 'e1', issuedAtSeq: 1 };

const broker: Broker = {
  acquire: async (credentialId) => ({
    ...ids,
    leaseId: `lse_${credentialId}`,
    grantId: 'grant',
    version: 1,
    ttlMs: 300_000,
    limits: { methods: [], pathPrefixes: [], ratePerMinute: undefined },
    value: Buffer.from(given.value),
  }),
  renew: async (leaseId) => ({ ...ids, leaseId, ttlMs: 300_000 }),
  release: async () => undefined,
  reportUse: async () => undefined,
  connected: () => new Promise(() => undefined),
  watch: (_start, on) => {
    queueMicrotask(() => {
      on.hello({
        agentId: 'agent',
        agentName: 'bench',
        epoch: 'e1',
        cursorSeq: 1,
        headSeq: 1,
        pingIntervalMs: 1_000,
        maxStalenessMs: 3_000,
      });
      on.routes([routeTo('plain', 'http', given.plainPort), routeTo('tls', 'https', given.tlsPort)]);
    });
    return { ping: (id) => queueMicrotask(() => on.pong(id, 1)), applied: () => undefined };
  },
};

function routeTo(name: string, scheme: 'http' | 'https', port: number): Route {
  return {
    credentialId: name,
    credentialName: name,
    grantId: 'grant',
    version: 1,
    status: 'active',
    destinations: [
      {
        scheme,
        hostPattern: 'localhost',
        port,
        methods: [],
        pathPrefixes: ['/files'],
        caPem: scheme === 'https' ? given.caPem : undefined,
        privateCidrs: ['127.0.0.0/8', '::1/128'],
        body: undefined,
      },
    ],
    injection: { kind: 'header', name: 'authorization', template: 'Bearer {value}' },
    placeholder: undefined,
    environment: [],
    service: undefined,
    limits: { methods: ['GET', 'POST'], pathPrefixes: [], ratePerMinute: 1_000_000_000 },
  };
}

const registry = createRegistry('sidecar');
const metrics = createSidecarMetrics(registry);
const standing = createStanding({ clock, maxWaiters: 1_000 });
const leases = createLeaseCache({
  broker,
  clock,
  random,
  standing,
  maxEntries: 1_000,
  maxWaitersPerCredential: 1_000,
  pauseAfterFailureMs: patience.pauseAfterFailureMs,
  stepWaitMs: patience.stepWaitMs,
  streamGraceMs: 10_000,
  onEvent: () => undefined,
});
const routes = createKnownRoutes();
const follower = createRevocationFollower({
  broker,
  clock,
  random,
  backoff: patience.backoff,
  helloTimeoutMs: patience.helloTimeoutMs,
  standing,
  holdings: leases,
  routes,
  onEvent: () => undefined,
});
const useLog = createUseLog({ broker, clock, random, windowMs: 1_000, maxUnsent: 60, retry: patience.backoff, onEvent: () => undefined });
const upstream = createUpstream({
  resolve: resolveBySystem,
  timeoutMs: 10_000,
  connectionsPerPool: 64,
  maxPools: 1_000,
  idlePoolMs: 300_000,
  maxWaiting: 1_000,
  waitMs: 30_000,
  idleConnectionMs: 30_000,
  halfOpenMs: 30_000,
  headersTimeoutMs: 600_000,
});
const kept = createKeptConnections({ max: 10_000 });
const service = createAgentService({ leases, routes, upstream, useLog, clock, metrics, unmatched: 'refuse', kept });

const running = [follower.run(end.signal), useLog.run(end.signal)];
const { port } = await startProxy(
  {
    host: '127.0.0.1',
    port: 0,
    serviceFor: () => service,
    onRefused: metrics.exchanged,
    issuer: createLeafIssuer({ now: Date.now, onAuthorities: () => undefined }),
    onTlsRejected: metrics.tlsRejected,
    dialBlind: createDialBlind({ resolve: resolveBySystem, timeoutMs: 10_000 }),
  },
  end.signal,
);
process.send?.({ port });
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
await Promise.all(running);
