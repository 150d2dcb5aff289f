import { randomUUID } from 'node:crypto';
import { AppError } from '@leasehold/core';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { routePath } from 'hono/route';
import type { Operator } from '../../domain/operator.ts';
import type { AdminUseCases } from '../../ports/use-cases.ts';
import { addDirectoryRoutes } from './directory-routes.ts';
import { adminStatusOf } from './error-to-http.ts';
import { addLendingRoutes } from './lending-routes.ts';
import type { Ctx, Env } from './request-context.ts';
import { addTrailRoutes } from './trail-routes.ts';

export interface AdminRequestRecord {
  readonly method: string;
  /** The pattern, not the path: names stay out of logs. */
  readonly route: string;
  readonly status: number;
  readonly requestId: string;
  readonly durationMs: number;
  readonly thrown?: unknown;
}

const maxBodyBytes = 65_536;

/** The admin API as a web application: every route wants an operator token, every body is parsed strictly, every error is typed. */
export function createAdminApp(
  admin: AdminUseCases,
  onRequest: (record: AdminRequestRecord) => void,
  /** Told of each request that an operator makes, with what carries it. */
  onProven: (carrier: Env['Bindings'], operator: Operator) => void = () => {},
): Hono<Env> {
  const app = new Hono<Env>();

  app.use('*', async (c, next) => {
    const begin = performance.now();
    c.set('requestId', randomUUID());
    await next();
    c.header('cache-control', 'no-store');
    c.header('x-content-type-options', 'nosniff');
    c.header('content-security-policy', "default-src 'none'; frame-ancestors 'none'");
    c.header('referrer-policy', 'no-referrer');
    const thrown = c.error === undefined ? {} : { thrown: c.error };
    onRequest({ ...recordOf(c), status: c.res.status, durationMs: performance.now() - begin, ...thrown });
  });
  app.use('*', async (c, next) => {
    const [, token] = /^Bearer ([\x21-\x7e]+)$/.exec(c.req.header('authorization') ?? '') ?? [];
    if (token === undefined) throw new AppError('identity_invalid', 'The admin API wants an operator token: authorization: Bearer …');
    const operator = await admin.authenticateOperator(token);
    c.set('operator', operator);
    onProven(c.env, operator);
    await next();
  });
  app.use(
    '*',
    bodyLimit({
      maxSize: maxBodyBytes,
      onError: () => {
        throw new AppError('invalid_argument', `The body is larger than ${maxBodyBytes} bytes.`);
      },
    }),
  );

  addDirectoryRoutes(app, admin);
  addLendingRoutes(app, admin);
  addTrailRoutes(app, admin, (c, thrown) => onRequest({ ...recordOf(c), status: 500, durationMs: 0, thrown }));

  app.notFound((c) => refuse(c, new AppError('not_found', 'The admin API has no such route. See docs/admin-api.md.')));
  app.onError((thrown, c) => refuse(c, isBrokenOff(thrown) ? brokenOff() : AppError.from(thrown)));
  return app;
}

function recordOf(c: Ctx): Pick<AdminRequestRecord, 'method' | 'route' | 'requestId'> {
  return { method: c.req.method, route: routePath(c, -1), requestId: c.get('requestId') };
}

/** By the client, in the middle of its body: whatever else may be reset is told by an AppError. */
function isBrokenOff(thrown: Error): boolean {
  return 'code' in thrown && thrown.code === 'ECONNRESET';
}

function brokenOff(): AppError {
  return new AppError('bad_request', 'The request broke off before its body was whole. Send it again.');
}

function refuse(c: Ctx, error: AppError): Response {
  c.header('x-leasehold-error', error.code);
  if (error.retryAfterS !== undefined) c.header('retry-after', String(error.retryAfterS));
  return c.json({ error: { code: error.code, message: error.message, request_id: c.get('requestId') } }, adminStatusOf[error.code]);
}
