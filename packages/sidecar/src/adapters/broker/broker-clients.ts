import { createClient, LeaseService, type ServiceClient, SessionService } from '@leasehold/contract/grpc';
import { type Clock, elapsedMs, type Instant } from '@leasehold/core';
import { type BrokerLink, channelTo } from './channel.ts';
import { watchConnection } from './connection-watch.ts';

/** Both services of the broker over one connection, which is replaced when it is dead. */
export interface BrokerClients {
  readonly sessionService: ServiceClient<typeof SessionService.method>;
  readonly leaseService: ServiceClient<typeof LeaseService.method>;
  /** A watch begins; when none was answered for long, it begins on a new connection. */
  watching(): void;
  /** Something came over a watch. */
  heard(): void;
  /** As in `Broker`. */
  connected(ended: AbortSignal): Promise<void>;
  close(): void;
}

/**
 * gRPC puts no limit on a handshake: one that the network swallowed would hang for as long as TCP tries, a quarter of an hour. Much longer than
 * a crowd of sidecars ever queues at a broker, because whoever starts over goes to the end of the queue.
 */
const redialAfterMs = 30_000;

export function createBrokerClients(link: BrokerLink & { readonly clock: Clock }): BrokerClients {
  const dial = () => {
    const channel = channelTo(link);
    return {
      channel,
      connected: watchConnection(channel),
      sessionService: createClient(SessionService, channel),
      leaseService: createClient(LeaseService, channel),
    };
  };
  const close = () => dialled.channel.close();
  let dialled = dial();
  let silentSince: Instant | undefined;

  return {
    get sessionService() {
      return dialled.sessionService;
    },
    get leaseService() {
      return dialled.leaseService;
    },
    watching() {
      const now = link.clock.now();
      silentSince ??= now;
      if (elapsedMs(silentSince, now) < redialAfterMs) return;
      close();
      dialled = dial();
      silentSince = now;
    },
    heard() {
      silentSince = undefined;
    },
    connected: (ended) => dialled.connected(ended),
    close,
  };
}
