import { isIP } from 'node:net';
import { Channel, ChannelCredentials } from '@grpc/grpc-js';
import { patience } from '../../patience.ts';

/** Where the broker is, and how it proves itself. */
export interface BrokerLink {
  /** `host:port`. */
  readonly target: string;
  /** The CA that issued the broker's certificate; no other is trusted. */
  readonly caPem: string;
  /** The name in the broker's certificate when `target` is an IP address. */
  readonly serverName: string;
}

/** A connection to the broker, made when it is first needed. */
export function channelTo({ target, caPem, serverName }: BrokerLink): Channel {
  return new Channel(target, ChannelCredentials.createSsl(Buffer.from(caPem), null, null, { rejectUnauthorized: true }), {
    // Its own: a connection out of the pool of the process may be the dead one, and looking through that pool takes a gateway of many agents longer
    // with each of them.
    'grpc.use_local_subchannel_pool': 1,
    // The environment's proxy may be this very sidecar.
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    // We back off ourselves, with jitter; the channel's own goes up to two minutes, in which no lease could be had from a broker long back.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
    'grpc.keepalive_time_ms': patience.keepalive.timeMs,
    'grpc.keepalive_timeout_ms': patience.keepalive.timeoutMs,
    // Node 26 can't verify a certificate against an IP literal by way of grpc-js.
    ...(isIP(hostOf(target)) !== 0 && { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName }),
  });
}

function hostOf(target: string): string {
  return target.slice(0, target.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}
