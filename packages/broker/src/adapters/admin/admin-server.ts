import { createServer } from 'node:https';
import { getRequestListener } from '@hono/node-server';
import { listening } from '@leasehold/runtime';
import type { AdminUseCases } from '../../ports/use-cases.ts';
import { type AdminRequestRecord, createAdminApp } from './admin-app.ts';

export interface AdminServerOptions {
  readonly admin: AdminUseCases;
  readonly tls: { readonly certPem: string; readonly keyPem: string };
  readonly host: string;
  readonly port: number;
  readonly onRequest: (record: AdminRequestRecord) => void;
}

/** Serves the admin API over TLS alone, until `ended` aborts. */
export async function startAdminServer(
  { admin, tls, host, port, onRequest }: AdminServerOptions,
  ended: AbortSignal,
): Promise<{ readonly port: number }> {
  const app = createAdminApp(admin, onRequest);
  const server = createServer(
    { cert: tls.certPem, key: tls.keyPem, minVersion: 'TLSv1.2', headersTimeout: 10_000, requestTimeout: 30_000, maxHeaderSize: 16_384 },
    getRequestListener(app.fetch),
  );
  return listening(server, { host, port, what: 'admin' }, ended);
}
