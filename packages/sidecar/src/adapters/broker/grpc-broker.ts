import { type CallSettings, fromServiceError } from '@leasehold/contract/grpc';
import { AppError, type Clock } from '@leasehold/core';
import type { Broker } from '../../ports/broker.ts';
import { createBrokerClients } from './broker-clients.ts';
import { type BrokerSession, createBrokerSessions } from './broker-session.ts';
import type { BrokerLink } from './channel.ts';
import { openWatch } from './watch-call.ts';
import { fromAcquire, fromRenew, toReportUse } from './wire.ts';

export interface GrpcBrokerOptions extends BrokerLink {
  /** Read anew for each session, so that a rotated token is picked up. */
  readonly agentToken: () => Promise<string> | string;
  readonly instanceId: string;
  readonly instanceName: string;
  readonly clock: Clock;
  /** How long a call may take. */
  readonly deadlineMs: number;
  /** The broker does not take the agent token: each time that it says so. */
  readonly onIdentityRefused?: () => void;
}

export interface GrpcBroker extends Broker {
  close(): void;
}

/** The broker over gRPC and verified TLS (`leasehold.v1`). Opens a session when the first call needs one. */
export function createGrpcBroker(options: GrpcBrokerOptions): GrpcBroker {
  const { deadlineMs } = options;
  const clients = createBrokerClients(options);
  const sessions = createBrokerSessions({ ...options, open: async (request) => clients.sessionService.open(request, { deadlineMs }) });

  /** A session that the broker does not take any more is replaced once: it restarted with other keys, or our clock was wrong. */
  async function withSession<T>(call: (settings: CallSettings) => Promise<T>): Promise<T> {
    const session = await sessions.current();
    try {
      return await call(settingsOf(session));
    } catch (thrown) {
      // A closed channel throws errors of its own.
      if (!isAboutIdentity(thrown)) throw fromServiceError(thrown);
      sessions.discard(session);
      return call(settingsOf(await sessions.current()));
    }
  }

  function settingsOf(session: BrokerSession): CallSettings {
    return { deadlineMs, metadata: session.metadata };
  }

  return {
    async acquire(credentialId) {
      return fromAcquire(await withSession((settings) => clients.leaseService.acquire({ credentialId }, settings)));
    },
    async renew(leaseId) {
      return fromRenew(await withSession((settings) => clients.leaseService.renew({ leaseId }, settings)));
    },
    async release(leaseIds) {
      await withSession((settings) => clients.leaseService.release({ leaseIds: [...leaseIds] }, settings));
    },
    async reportUse(batch) {
      await withSession((settings) => clients.leaseService.reportUse(toReportUse(batch), settings));
    },
    watch: (start, on, ended) => openWatch({ sessions, clients, isAboutIdentity }, start, on, ended),
    connected: (ended) => clients.connected(ended),
    close: () => clients.close(),
  };
}

function isAboutIdentity(thrown: unknown): boolean {
  return thrown instanceof AppError && (thrown.code === 'identity_invalid' || thrown.code === 'identity_missing');
}
