import { addCredentialRequest, parseAs, putGrantRequest, revokeGrantRequest, rotateCredentialRequest } from '@leasehold/contract/admin';
import type { AdminUseCases } from '../../ports/use-cases.ts';
import { toCredentialDraft, toGrantDraft, toValue } from './inputs.ts';
import { type App, changed, forEachVerb, jsonBody, listed, named, operator, page, tenant } from './request-context.ts';
import * as resources from './resources.ts';

/** What may be lent, and to whom: credentials and grants. */
export function addLendingRoutes(app: App, admin: AdminUseCases): void {
  addCredentialRoutes(app, admin);
  addGrantRoutes(app, admin);
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
  app.get(base, async (c) => {
    const { agent, credential } = c.req.query();
    if (agent === undefined || credential === undefined)
      return c.json(listed(await admin.listGrants(operator(c), tenant(c), page(c)), resources.toGrantResource));
    const found = await admin.findGrant(operator(c), tenant(c), { agent, credential });
    return c.json(listed({ items: found === undefined ? [] : [found], next: undefined }, resources.toGrantResource));
  });
  app.post(`${base}/revoke`, async (c) => {
    const pair = parseAs(revokeGrantRequest, await jsonBody(c), 'the body');
    return c.json(changed(await admin.revokeGrant(operator(c), tenant(c), pair), resources.toGrantResource));
  });
  app.delete(`${base}/:name`, async (c) =>
    c.json(changed(await admin.revokeGrant(operator(c), tenant(c), { grantId: named(c) }), resources.toGrantResource)),
  );
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
