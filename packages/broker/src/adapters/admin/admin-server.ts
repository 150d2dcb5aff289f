import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { listening } from '@leasehold/runtime';
import { createConnections } from '../../connections/connections.ts';
import { createHandshakeQueue } from '../../connections/handshake-queue.ts';
import type { AdminUseCases } from '../../ports/use-cases.ts';
import { type AdminRequestRecord, createAdminApp } from './admin-app.ts';

export interface AdminServerOptions {
  readonly admin: AdminUseCases;
  readonly tls: { readonly certPem: string; readonly keyPem: string };
  readonly host: string;
  readonly port: number;
  readonly onRequest: (record: AdminRequestRecord) => void;
  readonly limits?: Partial<AdminLimits>;
}

export interface AdminLimits {
  /** Operators are few; who floods the port pays with his own connections. */
  readonly maxConnections: number;
  /** TLS handshakes under way at once: the event loop is the sidecars', too. */
  readonly maxHandshakes: number;
  readonly handshakeTimeoutMs: number;
}

const defaults: AdminLimits = { maxConnections: 512, maxHandshakes: 8, handshakeTimeoutMs: 10_000 };
const handshakePatienceMs = 250;
const requestTimes = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 5_000 };

/** Serves the admin API over TLS alone, until `ended` aborts. */
export async function startAdminServer(
  { admin, tls, host, port, onRequest, limits = {} }: AdminServerOptions,
  ended: AbortSignal,
): Promise<{ readonly port: number }> {
  const { maxConnections, maxHandshakes, handshakeTimeoutMs } = { ...defaults, ...limits };
  const app = createAdminApp(admin, onRequest);
  const server = createServer({ ...requestTimes, maxHeaderSize: 16_384 }, getRequestListener(app.fetch));
  // What the server does with a connection, it does once TLS is ended.
  const serve = server.listeners('connection');
  server.removeAllListeners('connection');
  const handshakes = createHandshakeQueue({
    tls,
    protocol: 'http/1.1',
    atOnce: maxHandshakes,
    patienceMs: handshakePatienceMs,
    timeoutMs: handshakeTimeoutMs,
    onSecure: (socket) => {
      for (const listener of serve) listener.call(server, socket);
    },
  });
  const connections = createConnections({ max: maxConnections, onAdmitted: (socket) => handshakes.admit(socket) });
  server.on('connection', (socket) => {
    socket.on('error', () => socket.destroy());
    connections.admit(socket);
  });
  ended.addEventListener('abort', () => connections.cutAll(), { once: true });
  return listening(server, { host, port, what: 'admin' }, ended);
}
