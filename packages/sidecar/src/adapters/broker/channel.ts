import { isIP } from 'node:net';
import { ChannelCredentials, type ClientOptions } from '@grpc/grpc-js';

/** Where the broker is, and how it proves itself. */
export interface BrokerLink {
  /** `host:port`. */
  readonly target: string;
  /** The CA that issued the broker's certificate; no other is trusted. */
  readonly caPem: string;
  /** The name in the broker's certificate when `target` is an IP address. */
  readonly serverName: string;
}

interface BrokerChannel {
  readonly credentials: ChannelCredentials;
  readonly options: ClientOptions;
}

/** What clients need to share one connection to the broker: those that are made with another value of this have another connection. */
export function channelTo({ target, caPem, serverName }: BrokerLink): BrokerChannel {
  return {
    credentials: ChannelCredentials.createSsl(Buffer.from(caPem), null, null, { rejectUnauthorized: true }),
    options: {
      // The environment's proxy may be this very sidecar.
      'grpc.enable_http_proxy': 0,
      'grpc.service_config_disable_resolution': 1,
      // We back off ourselves, with jitter; the channel's own goes up to two minutes, in which no lease could be had from a broker long back.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
      // A connection whose other end went without a word (a node that died, a forgotten NAT entry) stays open for a quarter of an hour, and every
      // new stream would begin on it. A broker that pauses for less than the timeout keeps its connections.
      'grpc.keepalive_time_ms': 2_000,
      'grpc.keepalive_timeout_ms': 4_000,
      // Node 26 can't verify a certificate against an IP literal by way of grpc-js.
      ...(isIP(hostOf(target)) !== 0 && { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName }),
    },
  };
}

function hostOf(target: string): string {
  return target.slice(0, target.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}
