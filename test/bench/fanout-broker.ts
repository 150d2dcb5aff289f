// The broker's side of revocation-fanout.ts, in a process of its own: the real hub and gRPC server over a log in memory.
import type { LogHead } from '@leasehold/core';
import { systemClock } from '@leasehold/runtime';
import { startGrpcServer } from '../../packages/broker/src/adapters/grpc/grpc-server.ts';
import { createInProcessSignal } from '../../packages/broker/src/adapters/signal/in-process.ts';
import { createWatchRevocations } from '../../packages/broker/src/app/watch-revocations.ts';
import type { LoggedRevocation } from '../../packages/broker/src/ports/store.ts';
import type { LendingUseCases } from '../../packages/broker/src/ports/use-cases.ts';

export interface BrokerAnswer {
  readonly port?: number;
  /** When revocation number n was committed, ns on the machine's monotonic clock. */
  readonly committed?: readonly string[];
  readonly cpuMs?: number;
}

const [, , certPem = '', keyPem = ''] = process.argv;
const end = new AbortController();
const rows: LoggedRevocation[] = [];
const head = (): LogHead => ({ epoch: 'e1', seq: rows.length });
const signal = createInProcessSignal();
const unused = () => Promise.reject(new Error('not part of this bench'));

const lending: LendingUseCases = {
  openSession: unused,
  verifySession: (token) => ({
    tenantId: 't1',
    agentId: 'a1',
    tokenVersion: 1,
    instanceId: token,
    instanceName: token,
    expiresAt: Number.MAX_SAFE_INTEGER,
  }),
  issueLease: unused,
  renewLease: unused,
  releaseLeases: unused,
  recordUse: unused,
  routesOf: async () => [],
};

const hub = createWatchRevocations({
  log: {
    heads: async (tenantIds) => new Map(tenantIds.map((id) => [id, head()])),
    after: async (_, after, limit) => rows.slice(after, after + limit),
    revision: async () => 1,
    agentsChangedAfter: async (revision) => ({ revision, agentIds: [] }),
  },
  routesOf: lending.routesOf,
  signal,
  clock: systemClock,
  pingIntervalMs: 1_000,
  maxStalenessMs: 3_000,
  ended: end.signal,
});

const server = await startGrpcServer({ lending, hub, tls: { certPem, keyPem }, host: '127.0.0.1', port: 0 }, end.signal);
const send = (answer: BrokerAnswer) => process.send?.(answer);
send({ port: server.port });

process.on('message', async (ask: { readonly revocations: number; readonly everyMs: number } | 'end') => {
  if (ask === 'end') {
    end.abort();
    await server.closed;
    process.disconnect?.();
    return;
  }
  const begin = process.cpuUsage();
  const committed: string[] = [];
  for (let n = 0; n < ask.revocations; n++) {
    rows.push({ seq: rows.length + 1, scope: 'lease', ids: [`lease-${rows.length}`], reason: 'revoked', at: Date.now() });
    committed.push(String(process.hrtime.bigint()));
    signal.notify();
    await new Promise((resolve) => setTimeout(resolve, ask.everyMs));
  }
  const { user, system } = process.cpuUsage(begin);
  send({ committed, cpuMs: (user + system) / 1_000 });
});
