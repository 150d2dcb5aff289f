import { isIP } from 'node:net';
import { ChannelCredentials, type ClientOptions } from '@grpc/grpc-js';
import { type CallSettings, createClient, fromServiceError, LeaseService, SessionService } from '@leasehold/contract/grpc';
import { AppError, type Clock } from '@leasehold/core';
import type { Broker } from '../../ports/broker.ts';
import { type BrokerSession, createBrokerSessions } from './broker-session.ts';
import { openWatch } from './watch-call.ts';
import { fromAcquire, fromRenew, toReportUse } from './wire.ts';

export interface GrpcBrokerOptions {
  /** `host:port`. */
  readonly target: string;
  /** The CA that issued the broker's certificate; no other is trusted. */
  readonly caPem: string;
  /** The name in the broker's certificate when `target` is an IP address. */
  readonly serverName: string;
  /** Read anew for each session, so that a rotated token is picked up. */
  readonly agentToken: () => Promise<string> | string;
  readonly instanceId: string;
  readonly instanceName: string;
  readonly clock: Clock;
  /** How long a call may take. */
  readonly deadlineMs: number;
}

export interface GrpcBroker extends Broker {
  close(): void;
}

/** The broker over gRPC and verified TLS (`leasehold.v1`). Opens a session when the first call needs one. */
export function createGrpcBroker(options: GrpcBrokerOptions): GrpcBroker {
  const { target, deadlineMs } = options;
  const credentials = ChannelCredentials.createSsl(Buffer.from(options.caPem), null, null, { rejectUnauthorized: true });
  const channelOptions = channelOptionsOf(options);
  const sessionService = createClient(SessionService, credentials, target, channelOptions);
  const leaseService = createClient(LeaseService, credentials, target, channelOptions);
  const sessions = createBrokerSessions({ ...options, open: async (request) => sessionService.open(request, { deadlineMs }) });

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
      return fromAcquire(await withSession((settings) => leaseService.acquire({ credentialId }, settings)));
    },
    async renew(leaseId) {
      return fromRenew(await withSession((settings) => leaseService.renew({ leaseId }, settings)));
    },
    async release(leaseIds) {
      await withSession((settings) => leaseService.release({ leaseIds: [...leaseIds] }, settings));
    },
    async reportUse(batch) {
      await withSession((settings) => leaseService.reportUse(toReportUse(batch), settings));
    },
    watch: (start, on, ended) => openWatch({ sessions, leaseService, isAboutIdentity }, start, on, ended),
    close() {
      leaseService.close();
      sessionService.close();
    },
  };
}

function isAboutIdentity(thrown: unknown): boolean {
  return thrown instanceof AppError && (thrown.code === 'identity_invalid' || thrown.code === 'identity_missing');
}

function channelOptionsOf({ target, serverName }: GrpcBrokerOptions): ClientOptions {
  return {
    // The environment's proxy may be this very sidecar.
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    // We back off ourselves, with jitter; the channel's own goes up to two minutes, in which no lease could be had from a broker long back.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
    // Node 26 can't verify a certificate against an IP literal by way of grpc-js.
    ...(isIP(hostOf(target)) !== 0 && { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName }),
  };
}

function hostOf(target: string): string {
  return target.slice(0, target.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}
