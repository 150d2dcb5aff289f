import { createHash, randomUUID } from 'node:crypto';
import { type Logger, systemClock } from '@leasehold/runtime';
import type { BrokerLink } from './adapters/broker/channel.ts';
import { createGrpcAgentProver } from './adapters/broker/grpc-agent-prover.ts';
import { createTokenDirectory } from './adapters/identity/token-directory.ts';
import type { SidecarMetrics } from './adapters/metrics/sidecar-metrics.ts';
import { createIdentify } from './adapters/proxy/identify.ts';
import { createUnprovenConnections } from './adapters/proxy/unproven-connections.ts';
import { createAgentAdmission } from './app/agent-admission.ts';
import { createAgentPlanes } from './app/agent-planes.ts';
import { type AgentLimits, type AgentPlane, startAgentPlane } from './compose-agent.ts';
import type { ProvenAgent } from './ports/agent-prover.ts';
import type { ServedAgents } from './served-agents.ts';
import type { SidecarSettings } from './settings.ts';

export interface GatewayOptions {
  readonly settings: SidecarSettings;
  readonly broker: BrokerLink;
  readonly instanceName: string;
  readonly metrics: SidecarMetrics;
  readonly log: Logger;
}

/** Serves every agent that proves who it is, each by a plane of its own. */
export function serveGateway({ settings, broker, instanceName, metrics, log }: GatewayOptions, ended: AbortSignal): ServedAgents {
  const running = new Set<AgentPlane>();
  const limits = limitsOf(settings);
  const prover = createGrpcAgentProver({ ...broker, instanceId: randomUUID(), instanceName, clock: systemClock, deadlineMs: 2_000 });
  const admission = createAgentAdmission({
    prover,
    clock: systemClock,
    rememberRefusedMs: 10_000,
    maxProving: 256,
    wrongPerMinute: 120,
  });

  function start(agent: ProvenAgent, agentToken: string, onIdentityRefused: () => void) {
    const end = new AbortController();
    const counts = settings['metrics-per-agent'] ? metrics.countAgent(agent.tenantName, agent.agentName) : undefined;
    const exchangeMetrics = {
      exchanged: (result: string) => {
        metrics.exchanged(result);
        counts?.exchanged(result);
      },
      upstreamTook: metrics.upstreamTook,
    };
    const plane = startAgentPlane(
      {
        broker,
        agentToken: () => agentToken,
        instanceName,
        settings,
        metrics,
        exchangeMetrics,
        log: log.child({ tenantId: agent.tenantId, agentId: agent.agentId }),
        limits,
        onIdentityRefused,
      },
      end.signal,
    );
    running.add(plane);
    return {
      service: plane.service,
      settled: plane.settled,
      get isIdle() {
        return plane.inFlight === 0 && plane.keptConnections === 0;
      },
      stop: async () => {
        end.abort();
        await plane.closed;
        running.delete(plane);
        counts?.forget();
      },
    };
  }

  const unproven = createUnprovenConnections({ maxPerAddress: 1_000 });
  const planes = createAgentPlanes({
    admission,
    tokens: createTokenDirectory({
      dir: settings['agent-tokens-dir'],
      onUnreadable: (err) => log.warn({ err }, 'no token for the agent of a client certificate'),
    }),
    hashToken: (token) => createHash('sha256').update(token).digest('base64'),
    start,
    clock: systemClock,
    maxAgents: settings['max-agents'],
    idleMs: settings['agent-idle'],
    maxWaiting: limits.maxWaiting,
    onRefused: metrics.exchanged,
    onLetGo: ({ tenantId, agentId }, why) => log.info({ tenantId, agentId, why }, 'agent let go'),
  });

  const closed = untilAborted(ended).then(async () => {
    await planes.close();
    prover.close();
  });
  const sum = (of: (plane: AgentPlane) => number) => () => [...running].reduce((total, plane) => total + of(plane), 0);
  return {
    serviceFor: createIdentify({ agents: planes, unproven, now: Date.now }),
    onAccepted: unproven.accepted,
    gauges: {
      agents: () => planes.size,
      cacheEntries: sum((plane) => plane.heldLeases),
      inFlight: sum((plane) => plane.inFlight),
      unsentUseBatches: sum((plane) => plane.unsentUseBatches),
      // Of the agent that has not heard from the broker for longest.
      stalenessMs: () => oldest([...running].map((plane) => plane.stalenessMs)),
    },
    // One that is served shows that the broker is there; with none there is nobody to turn away.
    trouble: () => {
      const troubles = [...running].map((plane) => plane.trouble());
      return troubles.includes(undefined) ? undefined : troubles[0];
    },
    closed,
  };
}

function limitsOf(settings: SidecarSettings): AgentLimits {
  const maxInFlight = settings['max-in-flight-per-agent'];
  return {
    maxInFlight,
    maxWaiting: maxInFlight,
    // Connections between two requests count, too.
    maxKeptConnections: maxInFlight * 2,
    maxPools: 100,
    maxUnsentUseBatches: 10,
  };
}

function oldest(ages: readonly (number | undefined)[]): number | undefined {
  return ages.reduce((worst, age) => (worst === undefined || (age ?? 0) > worst ? age : worst), undefined);
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
