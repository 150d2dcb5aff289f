import type { AddressInfo } from 'node:net';
import { listening } from '@leasehold/runtime';
import { createHttpConnections, type HttpConnectionsOptions } from './http-connections.ts';

type Times = 'headTimeoutMs' | 'bodyIdleMs';

export interface ProxyOptions extends Omit<HttpConnectionsOptions, Times>, Partial<Pick<HttpConnectionsOptions, Times>> {
  readonly host: string;
  /** 0 means any free one. */
  readonly port: number;
  readonly maxConnections?: number;
}

/** Listens for agents. */
export async function startProxy(
  { host, port, headTimeoutMs = 20_000, bodyIdleMs = 120_000, maxConnections = 10_000, ...rest }: ProxyOptions,
  ended: AbortSignal,
): Promise<AddressInfo> {
  const { server } = createHttpConnections({ headTimeoutMs, bodyIdleMs, ...rest });
  server.maxConnections = maxConnections;
  return listening(server, { host, port, what: 'proxy' }, ended);
}
