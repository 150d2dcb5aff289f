import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Read at each scrape. */
export interface SidecarGauges {
  readonly cacheEntries: () => number;
  readonly inFlight: () => number;
  /** Age in ms of the newest proof of freshness; undefined when there is none. */
  readonly stalenessMs: () => number | undefined;
  readonly unsentUseBatches: () => number;
  readonly agents: () => number;
}

/** Requests of one agent, under its names. */
export interface AgentCounts {
  exchanged(result: string): void;
  /** Takes its names off the page again. */
  forget(): void;
}

export interface SidecarMetrics {
  /** `result`: `forwarded`, `passed_blind`, or the error code that the agent was given. */
  exchanged(result: string): void;
  /** From dispatch to the end of the answer, ms. */
  upstreamTook(ms: number): void;
  leaseIssued(tookMs: number): void;
  leaseRenewed(): void;
  leaseDenied(reason: string): void;
  leaseEnded(reason: string): void;
  cut(reason: string): void;
  revocationApplied(scope: string): void;
  reset(): void;
  countAgent(tenant: string, agent: string): AgentCounts;
  tlsRejected(): void;
  observe(gauges: SidecarGauges): void;
}

/**
 * The sidecar's Prometheus metrics, in the glossary's words. Labels come from closed sets: never an id or a host; names of agents only where an
 * operator asked for them (`--metrics-per-agent`), and no more than are served at once.
 */
export function createSidecarMetrics(registry: Registry): SidecarMetrics {
  const registers = [registry];
  const injections = new Counter({
    name: 'leasehold_sidecar_injections_total',
    help: 'Requests and tunnels, by result: forwarded, passed_blind (bytes without a credential), or the error code that the agent was given.',
    labelNames: ['result'],
    registers,
  });
  const upstream = new Histogram({
    name: 'leasehold_sidecar_upstream_seconds',
    help: 'From handing the request to the upstream connection to the end of the answer.',
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const acquire = new Histogram({
    name: 'leasehold_sidecar_acquire_seconds',
    help: 'From asking the broker for a lease to having it.',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2],
    registers,
  });
  const renewed = new Counter({ name: 'leasehold_sidecar_leases_renewed_total', help: 'Leases renewed.', registers });
  const denied = new Counter({
    name: 'leasehold_sidecar_leases_denied_total',
    help: 'Leases that the broker did not give, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const ended = new Counter({
    name: 'leasehold_sidecar_leases_ended_total',
    help: 'Leases dropped and wiped, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const cuts = new Counter({
    name: 'leasehold_sidecar_cuts_total',
    help: 'Requests and streams cut in flight, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const applied = new Counter({
    name: 'leasehold_sidecar_revocations_applied_total',
    help: 'Events of the revocation log applied, by scope.',
    labelNames: ['scope'],
    registers,
  });
  const resets = new Counter({
    name: 'leasehold_sidecar_resets_total',
    help: 'Times that the broker had this sidecar wipe everything and start over.',
    registers,
  });

  const perAgent = new Counter({
    name: 'leasehold_sidecar_agent_requests_total',
    help: 'Requests of one agent, by outcome: forwarded or refused. Only with --metrics-per-agent.',
    labelNames: ['tenant', 'agent', 'outcome'],
    registers,
  });

  const tlsRejections = new Counter({
    name: 'leasehold_sidecar_tls_client_rejections_total',
    help: 'Times that a client did not take the certificate with which its TLS was ended here; /tls-rejections on this port has the hosts.',
    registers,
  });

  // The one label of the hot path: held in a variable, since looking a child up costs more than counting.
  const forwarded = injections.labels('forwarded');

  return {
    exchanged: (result) => {
      if (result === 'forwarded') forwarded.inc();
      else injections.inc({ result });
    },
    upstreamTook: (ms) => upstream.observe(ms / 1_000),
    leaseIssued: (tookMs) => acquire.observe(tookMs / 1_000),
    leaseRenewed: () => renewed.inc(),
    leaseDenied: (reason) => denied.inc({ reason }),
    leaseEnded: (reason) => ended.inc({ reason }),
    cut: (reason) => cuts.inc({ reason }),
    revocationApplied: (scope) => applied.inc({ scope }),
    reset: () => resets.inc(),
    countAgent: (tenant, agent) => {
      const went = perAgent.labels(tenant, agent, 'forwarded');
      const refused = perAgent.labels(tenant, agent, 'refused');
      return {
        exchanged: (result) => (result === 'forwarded' ? went : refused).inc(),
        forget: () => {
          perAgent.remove(tenant, agent, 'forwarded');
          perAgent.remove(tenant, agent, 'refused');
        },
      };
    },
    tlsRejected: () => tlsRejections.inc(),
    observe: (gauges) => {
      const gauge = (name: string, help: string, read: () => number, aggregator: 'sum' | 'max' = 'sum') =>
        new Gauge({
          name,
          help,
          aggregator,
          registers,
          collect() {
            this.set(read());
          },
        });
      gauge('leasehold_sidecar_cache_entries', 'Leases in hand.', gauges.cacheEntries);
      gauge('leasehold_sidecar_in_flight', 'Requests and streams under a lease.', gauges.inFlight);
      gauge('leasehold_sidecar_agents', 'Agents served now.', gauges.agents);
      gauge('leasehold_sidecar_use_batches_unsent', 'Use batches that the broker has not confirmed.', gauges.unsentUseBatches);
      gauge('leasehold_sidecar_workers', 'Processes that serve agents.', () => 1);
      const stalenessS = () => {
        const ms = gauges.stalenessMs();
        return ms === undefined ? -1 : ms / 1_000;
      };
      gauge(
        'leasehold_sidecar_staleness_seconds',
        'Age of the newest proof that no revocation is missing; -1 when there is none.',
        stalenessS,
        'max',
      );
    },
  };
}
