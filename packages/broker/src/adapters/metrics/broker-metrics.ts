import { AppError } from '@leasehold/core';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { KeyService } from '../../ports/key-service.ts';
import type { Store } from '../../ports/store.ts';
import type { LendingUseCases } from '../../ports/use-cases.ts';
import type { Watchers } from '../../ports/watchers.ts';

export interface BrokerMetrics {
  /** The same use cases, counted: what is issued, renewed, released, and denied by reason. */
  meterLending(lending: LendingUseCases): LendingUseCases;
  /** The same key service, counted and timed by operation. */
  meterKeyService(keyService: KeyService): KeyService;
  /** Gauges that are read at each scrape. */
  observe(store: Store, watchers: Watchers): void;
  /** Undefined when the system does not say. */
  observeDisk(freeBytes: () => number | undefined): void;
  /** A sidecar confirmed a revocation this many ms after its commit. */
  confirmed(latencyMs: number): void;
  expired(count: number): void;
  /** When the certificate that both ports show ends, ms since the epoch. */
  certificateEnds(atMs: number): void;
}

/** The broker's Prometheus metrics, in the glossary's words. Labels come from closed sets: never an id, a name or a host. */
export function createBrokerMetrics(registry: Registry): BrokerMetrics {
  const registers = [registry];
  const issued = new Counter({ name: 'leasehold_broker_leases_issued_total', help: 'Leases issued.', registers });
  const renewed = new Counter({ name: 'leasehold_broker_leases_renewed_total', help: 'Leases renewed.', registers });
  const denied = new Counter({
    name: 'leasehold_broker_leases_denied_total',
    help: 'Leases denied, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const ended = new Counter({
    name: 'leasehold_broker_leases_ended_total',
    help: 'Leases marked as ended, by reason. A revocation kills without marking: see leasehold_sidecar_leases_ended_total.',
    labelNames: ['reason'],
    registers,
  });
  const uses = new Counter({
    name: 'leasehold_broker_uses_recorded_total',
    help: 'Requests that sidecars reported, by outcome.',
    labelNames: ['outcome'],
    registers,
  });
  const keyCalls = new Histogram({
    name: 'leasehold_broker_key_service_seconds',
    help: 'Calls to the key service that holds the KEK, by operation and result.',
    labelNames: ['operation', 'result'],
    buckets: [0.0005, 0.002, 0.01, 0.05, 0.2, 1, 5],
    registers,
  });
  const propagation = new Histogram({
    name: 'leasehold_broker_revocation_propagation_seconds',
    help: 'From the commit of a revocation to a sidecar having purged what it covers.',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5],
    registers,
  });

  const certificateEnd = new Gauge({
    name: 'leasehold_broker_certificate_expires_timestamp_seconds',
    help: 'When the certificate of the gRPC port and the admin API ends, in seconds since the epoch.',
    registers,
  });

  const counted = async <T>(work: Promise<T>, counter: Counter): Promise<T> => {
    try {
      const result = await work;
      counter.inc();
      return result;
    } catch (thrown) {
      denied.inc({ reason: AppError.from(thrown).code });
      throw thrown;
    }
  };

  const timed = async <T>(operation: string, work: Promise<T>): Promise<T> => {
    const stop = keyCalls.startTimer({ operation });
    try {
      const result = await work;
      stop({ result: 'done' });
      return result;
    } catch (thrown) {
      stop({ result: AppError.from(thrown).code });
      throw thrown;
    }
  };

  return {
    meterLending: (lending) => ({
      ...lending,
      issueLease: (caller, ask) => counted(lending.issueLease(caller, ask), issued),
      renewLease: (caller, ask) => counted(lending.renewLease(caller, ask), renewed),
      releaseLeases: async (caller, leaseIds) => {
        const released = await lending.releaseLeases(caller, leaseIds);
        ended.inc({ reason: 'released' }, released);
        return released;
      },
      recordUse: async (caller, batch) => {
        await lending.recordUse(caller, batch);
        for (const { outcome, count } of batch.records) uses.inc({ outcome: outcome === 'forwarded' ? outcome : 'refused' }, count);
      },
    }),
    meterKeyService: (keyService) => ({
      kekId: keyService.kekId,
      wrap: (plaintext, aad) => timed('wrap', keyService.wrap(plaintext, aad)),
      unwrap: (wrapped, aad) => timed('unwrap', keyService.unwrap(wrapped, aad)),
      check: () => timed('check', keyService.check()),
    }),
    observeDisk: (freeBytes) => {
      new Gauge({
        name: 'leasehold_broker_disk_free_bytes',
        help: 'Free on the disk of the database. Below --least-free-mib nothing is lent.',
        registers,
        collect() {
          this.set(freeBytes() ?? Number.NaN);
        },
      });
    },
    observe: (store, watchers) => {
      new Gauge({
        name: 'leasehold_broker_leases_active',
        help: 'Leases that have neither ended by themselves nor run out; what ended with a parent counts until its time is over.',
        registers,
        async collect() {
          this.set(await store.listings.unexpiredLeases());
        },
      });
      new Gauge({
        name: 'leasehold_broker_sidecars_connected',
        help: 'Sidecars with an open watch stream on this replica.',
        registers,
        collect() {
          this.set(watchers.connected().length);
        },
      });
    },
    confirmed: (latencyMs) => propagation.observe(latencyMs / 1_000),
    expired: (count) => ended.inc({ reason: 'expired' }, count),
    certificateEnds: (atMs) => certificateEnd.set(atMs / 1_000),
  };
}
