import { randomUUID } from 'node:crypto';
import {
  addCredentialRequest,
  namedRequest,
  parseAs,
  putGrantRequest,
  revokeGrantRequest,
  rotateCredentialRequest,
} from '@leasehold/contract/admin';
import { AppError } from '@leasehold/core';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { routePath } from 'hono/route';
import { stream } from 'hono/streaming';
import type { Operator } from '../../domain/operator.ts';
import type { AdminUseCases, Changed } from '../../ports/use-cases.ts';
import { adminStatusOf } from './error-to-http.ts';
import { toCredentialDraft, toGrantDraft, toPage, toReceipt, toValue, wholeNumber } from './inputs.ts';
import * as resources from './resources.ts';

type Env = { Variables: { operator: Operator; requestId: string } };
type Ctx = Context<Env>;

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
export function createAdminApp(admin: AdminUseCases, onRequest: (record: AdminRequestRecord) => void): Hono<Env> {
  const app = new Hono<Env>();

  app.use('*', async (c, next) => {
    const begin = performance.now();
    c.set('requestId', randomUUID());
    await next();
    c.header('cache-control', 'no-store');
    c.header('x-content-type-options', 'nosniff');
    const thrown = c.error === undefined ? {} : { thrown: c.error };
    onRequest({
      method: c.req.method,
      route: routePath(c, -1),
      status: c.res.status,
      requestId: c.get('requestId'),
      durationMs: performance.now() - begin,
      ...thrown,
    });
  });
  app.use('*', async (c, next) => {
    const [, token] = /^Bearer ([\x21-\x7e]+)$/.exec(c.req.header('authorization') ?? '') ?? [];
    if (token === undefined) throw new AppError('identity_invalid', 'The admin API wants an operator token: authorization: Bearer …');
    c.set('operator', await admin.authenticateOperator(token));
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

  addTenantRoutes(app, admin);
  addAgentRoutes(app, admin);
  addCredentialRoutes(app, admin);
  addGrantRoutes(app, admin);
  addTrailRoutes(app, admin);

  app.notFound((c) => refuse(c, new AppError('not_found', 'The admin API has no such route. See docs/admin-api.md.')));
  app.onError((thrown, c) => refuse(c, AppError.from(thrown)));
  return app;
}

type App = Hono<Env>;

function addTenantRoutes(app: App, admin: AdminUseCases): void {
  app.get('/v1/status', async (c) => c.json(resources.toStatusResource(await admin.status(operator(c)))));
  app.post('/v1/tenants', async (c) => {
    const { name } = parseAs(namedRequest, await jsonBody(c), 'the body');
    return c.json(resources.toTenantResource(await admin.addTenant(operator(c), name)), 201);
  });
  app.get('/v1/tenants', async (c) => c.json(listed(await admin.listTenants(operator(c), page(c)), resources.toTenantResource)));
  for (const [verb, status] of [
    ['suspend', 'suspended'],
    ['resume', 'active'],
  ] as const) {
    app.post(`/v1/tenants/:tenant/${verb}`, async (c) =>
      c.json(changed(await admin.setTenantStatus(operator(c), tenant(c), status), resources.toTenantResource)),
    );
  }
  app.post('/v1/tenants/:tenant/operators', async (c) => {
    const { name } = parseAs(namedRequest, await jsonBody(c), 'the body');
    const added = await admin.addOperator(operator(c), tenant(c), name);
    return c.json({ operator: resources.toOperatorResource(added.operator), token: added.token }, 201);
  });
}

function addAgentRoutes(app: App, admin: AdminUseCases): void {
  const base = '/v1/tenants/:tenant/agents';
  app.post(base, async (c) => {
    const { name } = parseAs(namedRequest, await jsonBody(c), 'the body');
    const added = await admin.addAgent(operator(c), tenant(c), name);
    return c.json({ agent: resources.toAgentResource(added.agent), token: added.token }, 201);
  });
  app.get(base, async (c) => c.json(listed(await admin.listAgents(operator(c), tenant(c), page(c)), resources.toAgentResource)));
  app.post(`${base}/:name/rotate-token`, async (c) => {
    const rotated = await admin.rotateAgentToken(operator(c), tenant(c), named(c));
    return c.json({ ...changed(rotated, resources.toAgentResource), token: rotated.token });
  });
  forEachVerb((method, path, status) =>
    app.on(method, `${base}/:name${path}`, async (c) =>
      c.json(changed(await admin.setAgentStatus(operator(c), tenant(c), named(c), status), resources.toAgentResource)),
    ),
  );
}

function addCredentialRoutes(app: App, admin: AdminUseCases): void {
  const base = '/v1/tenants/:tenant/credentials';
  app.post(base, async (c) => {
    const { value: encoded, ...draft } = parseAs(addCredentialRequest, await jsonBody(c), 'the body');
    const added = await withValue(encoded, (value) => admin.addCredential(operator(c), tenant(c), toCredentialDraft(draft), value));
    return c.json(resources.toCredentialResource(added), 201);
  });
  app.get(base, async (c) => c.json(listed(await admin.listCredentials(operator(c), tenant(c), page(c)), resources.toCredentialResource)));
  app.get(`${base}/:name`, async (c) =>
    c.json(resources.toCredentialResource(await admin.showCredential(operator(c), tenant(c), named(c)))),
  );
  app.post(`${base}/:name/rotate`, async (c) => {
    const { value: encoded } = parseAs(rotateCredentialRequest, await jsonBody(c), 'the body');
    const rotated = await withValue(encoded, (value) => admin.rotateCredential(operator(c), tenant(c), named(c), value));
    return c.json(changed(rotated, resources.toCredentialResource));
  });
  forEachVerb((method, path, status) =>
    app.on(method, `${base}/:name${path}`, async (c) =>
      c.json(changed(await admin.setCredentialStatus(operator(c), tenant(c), named(c), status), resources.toCredentialResource)),
    ),
  );
}

function addGrantRoutes(app: App, admin: AdminUseCases): void {
  const base = '/v1/tenants/:tenant/grants';
  app.put(base, async (c) => {
    const draft = toGrantDraft(parseAs(putGrantRequest, await jsonBody(c), 'the body'));
    return c.json(changed(await admin.putGrant(operator(c), tenant(c), draft), resources.toGrantResource));
  });
  app.get(base, async (c) => c.json(listed(await admin.listGrants(operator(c), tenant(c), page(c)), resources.toGrantResource)));
  app.post(`${base}/revoke`, async (c) => {
    const pair = parseAs(revokeGrantRequest, await jsonBody(c), 'the body');
    return c.json(changed(await admin.revokeGrant(operator(c), tenant(c), pair), resources.toGrantResource));
  });
  app.delete(`${base}/:name`, async (c) =>
    c.json(changed(await admin.revokeGrant(operator(c), tenant(c), { grantId: named(c) }), resources.toGrantResource)),
  );
}

const maxAuditRows = 1_000;

function addTrailRoutes(app: App, admin: AdminUseCases): void {
  const base = '/v1/tenants/:tenant';
  app.get(`${base}/leases`, async (c) => {
    const found = await admin.listLeases(operator(c), tenant(c), page(c), c.req.query('state') !== 'all');
    return c.json(listed(found, (item) => resources.toLeaseResource(item, item.status)));
  });
  app.delete(`${base}/leases/:name`, async (c) => {
    const revoked = await admin.revokeLease(operator(c), tenant(c), named(c));
    return c.json(changed(revoked, (item) => resources.toLeaseResource(item, item.lease.ended?.how ?? 'active')));
  });
  app.get(`${base}/audit`, async (c) => {
    const query = (name: string) => c.req.query(name);
    const ask =
      query('newest') === undefined
        ? { after: wholeNumber(query, 'after', 0, Number.MAX_SAFE_INTEGER), limit: wholeNumber(query, 'limit', 100, maxAuditRows) }
        : { newest: wholeNumber(query, 'newest', 20, maxAuditRows) };
    return c.json((await admin.auditRows(operator(c), tenant(c), ask)).map(resources.toAuditResource));
  });
  app.get(`${base}/audit/verify`, async (c) => c.json(resources.toVerdictResource(await admin.verifyAudit(operator(c), tenant(c)))));
  app.get(`${base}/confirmations`, (c) => {
    const receipt = toReceipt((name) => c.req.query(name));
    const ended = new AbortController();
    c.header('content-type', 'application/x-ndjson');
    return stream(c, async (out) => {
      out.onAbort(() => ended.abort());
      for await (const progress of admin.confirmations(operator(c), tenant(c), receipt, ended.signal)) {
        await out.writeln(JSON.stringify(resources.toConfirmationResource(progress, receipt.committedAt)));
      }
    });
  });
}

function forEachVerb(add: (method: 'POST' | 'DELETE', path: string, status: 'active' | 'suspended' | 'deleted') => void): void {
  add('POST', '/suspend', 'suspended');
  add('POST', '/resume', 'active');
  add('DELETE', '', 'deleted');
}

const operator = (c: Ctx): Operator => c.get('operator');
const tenant = (c: Ctx): string => c.req.param('tenant') ?? '';
const named = (c: Ctx): string => c.req.param('name') ?? '';
const page = (c: Ctx) => toPage((name) => c.req.query(name));

async function jsonBody(c: Ctx): Promise<unknown> {
  try {
    return await c.req.json();
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('invalid_argument', 'The body is not valid JSON.');
  }
}

/** The value's bytes are ours until the use case is done with them. */
async function withValue<T>(encoded: string, use: (value: Uint8Array) => Promise<T>): Promise<T> {
  const value = toValue(encoded);
  try {
    return await use(value);
  } finally {
    value.fill(0);
  }
}

function listed<T, R>(
  { items, next }: { readonly items: readonly T[]; readonly next: string | undefined },
  convert: (item: T) => R,
): { items: R[]; next: string | null } {
  return { items: items.map(convert), next: next ?? null };
}

function changed<T, R>({ row, revocation }: Changed<T>, convert: (row: T) => R) {
  return { item: convert(row), revocation: resources.toRevocationResource(revocation) };
}

function refuse(c: Ctx, error: AppError): Response {
  c.header('x-leasehold-error', error.code);
  if (error.retryAfterS !== undefined) c.header('retry-after', String(error.retryAfterS));
  return c.json({ error: { code: error.code, message: error.message, request_id: c.get('requestId') } }, adminStatusOf[error.code]);
}
