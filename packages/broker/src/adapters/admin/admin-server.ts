import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { listening } from '@leasehold/runtime';
import { peerOf } from '../../connections/connections.ts';
import type { TlsPair } from '../../connections/handshake-queue.ts';
import { createTlsEntrance, type EntranceLimits, type TlsEntrance } from '../../connections/tls-entrance.ts';
import type { AdminUseCases } from '../../ports/use-cases.ts';
import { type AdminRequestRecord, createAdminApp } from './admin-app.ts';

export interface AdminServerOptions {
  readonly admin: AdminUseCases;
  readonly tls: TlsPair;
  readonly host: string;
  readonly port: number;
  readonly onRequest: (record: AdminRequestRecord) => void;
  readonly limits?: Partial<EntranceLimits>;
}

export interface AdminServer {
  readonly port: number;
  /** As in `TlsEntrance`. */
  readonly use: TlsEntrance['use'];
}

/** Operators are few, and share the process with the sidecars: a flood here must cost those nothing. */
const defaults: EntranceLimits = {
  maxConnections: 500,
  // A tenant's operators', or those of all tenants: enough for any work, and too few to keep others out.
  maxSafePerOwner: 60,
  maxHandshakes: 8,
  handshakeTimeoutMs: 10_000,
  giveWayAfterMs: 10_000,
  proveWithinMs: 30_000,
};

/** Serves the admin API over TLS alone, until `ended` aborts. */
export async function startAdminServer(options: AdminServerOptions, ended: AbortSignal): Promise<AdminServer> {
  const { admin, tls, host, port, onRequest, limits } = options;
  const app = createAdminApp(admin, onRequest, ({ incoming, outgoing }, { tenantId = 'all tenants' }) => {
    // An operator's request, and the stream of confirmations that it may be, gives way to nobody.
    const over = new AbortController();
    outgoing.once('close', () => over.abort());
    connections.keep(peerOf(incoming.socket), tenantId, over.signal);
  });
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 30_000, maxHeaderSize: 16_384, connectionsCheckingInterval: 5_000 },
    getRequestListener(app.fetch),
  );
  const { listener, connections, use } = createTlsEntrance({
    tls,
    protocol: 'http/1.1',
    ...defaults,
    ...limits,
    onSecure: (socket) => server.emit('connection', socket),
  });
  // It never listens itself, and takes that for the sign to watch the times of its requests.
  server.emit('listening');
  listener.once('close', () => server.close());
  ended.addEventListener('abort', () => connections.cutAll(), { once: true });
  const address = await listening(listener, { host, port, what: 'admin' }, ended);
  return { port: address.port, use };
}
