import { Server, ServerCredentials } from '@grpc/grpc-js';
import { addService, LeaseService, SessionService, type UnaryObserver } from '@leasehold/contract/grpc';
import { listening } from '@leasehold/runtime';
import type { TlsPair } from '../../connections/handshake-queue.ts';
import { createTlsEntrance, type EntranceLimits, type TlsEntrance } from '../../connections/tls-entrance.ts';
import type { LendingUseCases, SessionClaims } from '../../ports/use-cases.ts';
import type { WatchHub } from '../../ports/watch-stream.ts';
import { createCallGate } from './call-gate.ts';
import { createLeaseService } from './lease-service.ts';
import { createSessionService } from './session-service.ts';
import { createWatchService } from './watch-service.ts';

export interface GrpcServerOptions {
  readonly lending: LendingUseCases;
  readonly hub: WatchHub;
  readonly tls: TlsPair;
  readonly host: string;
  readonly port: number;
  /** For metrics and logs. */
  readonly onCall?: UnaryObserver;
  readonly limits?: Partial<GrpcLimits>;
}

export interface GrpcLimits extends EntranceLimits {
  /** Calls and streams at once on one connection. */
  readonly maxStreamsPerConnection: number;
  readonly maxRequestBytes: number;
  /** Of a request that proves an agent: its token and two names. */
  readonly maxOpenBytes: number;
  readonly maxUnfinishedOpens: number;
  readonly maxWatchMessageBytes: number;
  readonly arriveWithinMs: number;
  /** What may wait on one watch stream for its reader. */
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
  /** On all of them; a tenant's have half of it at most. */
  readonly maxQueuedBytesInAll: number;
  /** How long a watch stream may leave what waits for it unread, ms. */
  readonly unreadForMs: number;
  /** What may lie of requests of sessions that have not arrived whole; a tenant's have half of it at most. */
  readonly maxUnfinishedBytesInAll: number;
  /** How long what was ended may take to leave by itself, ms. */
  readonly lingerMs: number;
}

export interface GrpcServer {
  readonly port: number;
  /** Resolves when `ended` aborted and every connection is closed. */
  readonly closed: Promise<void>;
  /** As in `TlsEntrance`. */
  readonly use: TlsEntrance['use'];
}

const defaults: GrpcLimits = {
  maxConnections: 25_000,
  // A tenant's. One that has the broker to itself may fill it: more than this only gives way where there is no room.
  maxSafePerOwner: 12_500,
  maxHandshakes: 32,
  handshakeTimeoutMs: 20_000,
  giveWayAfterMs: 10_000,
  proveWithinMs: 30_000,
  maxStreamsPerConnection: 256,
  maxRequestBytes: 1_048_576,
  maxOpenBytes: 8_192,
  maxUnfinishedOpens: 4_096,
  maxWatchMessageBytes: 65_536,
  arriveWithinMs: 10_000,
  maxQueuedMessages: 8_192,
  maxQueuedBytes: 2_097_152,
  maxQueuedBytesInAll: 512 * 1_048_576,
  unreadForMs: 10_000,
  maxUnfinishedBytesInAll: 256 * 1_048_576,
  lingerMs: 1_000,
};

/** Serves `leasehold.v1` to sidecars, over TLS alone. Throws AppError `invalid_argument` when it can't listen. */
export async function startGrpcServer(options: GrpcServerOptions, ended: AbortSignal): Promise<GrpcServer> {
  const { lending, hub, tls, host, port, onCall = () => {} } = options;
  const limits = { ...defaults, ...options.limits };
  const onProven = (peer: string, { tenantId }: Pick<SessionClaims, 'tenantId'>) => connections.proven(peer, tenantId);
  const gate = createCallGate({
    verifySession: lending.verifySession,
    onCall,
    onAsked: (peer) => connections.asked(peer),
    onProven,
    ...limits,
  });
  const server = new Server({
    interceptors: [gate.interceptor],
    'grpc.max_receive_message_length': limits.maxRequestBytes,
    'grpc.max_concurrent_streams': limits.maxStreamsPerConnection,
    // Finds peers that are gone without a word.
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.max_connection_idle_ms': 600_000,
    'grpc.enable_channelz': 0,
  });
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const { listener, connections, use } = createTlsEntrance({
    tls,
    protocol: 'h2',
    ...limits,
    onSecure: (socket) => injector.injectConnection(socket),
  });
  addService(server, SessionService, createSessionService(lending, onProven, onCall));
  addService(server, LeaseService, {
    ...createLeaseService(lending, gate.callerOf, onCall),
    watch: createWatchService({ callerOf: gate.callerOf, hub, ...limits, connections }),
  });

  const address = await listening(listener, { host, port, what: 'grpc' }, ended);

  const { promise: closed, resolve } = Promise.withResolvers<void>();
  listener.on('close', () => {
    injector.destroy();
    resolve();
  });
  const shutDown = () => {
    // Lets the hub's last words out; a peer that does not hang up is cut.
    injector.drain(limits.lingerMs);
    const timer = setTimeout(() => connections.cutAll(), limits.lingerMs);
    listener.on('close', () => clearTimeout(timer));
  };
  ended.addEventListener('abort', shutDown, { once: true });
  return { port: address.port, closed, use };
}
