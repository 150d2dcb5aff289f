import { changeTenantRequest, namedRequest, parseAs } from '@leasehold/contract/admin';
import type { AdminUseCases } from '../../ports/use-cases.ts';
import { type App, changed, forEachVerb, jsonBody, listed, named, operator, page, tenant } from './request-context.ts';
import * as resources from './resources.ts';

/** Who there is: tenants, their operators and their agents. */
export function addDirectoryRoutes(app: App, admin: AdminUseCases): void {
  addTenantRoutes(app, admin);
  addOperatorRoutes(app, admin);
  addAgentRoutes(app, admin);
  addKillRoutes(app, admin);
}

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
  app.patch('/v1/tenants/:tenant', async (c) => {
    const { agents_discover_names: agentsDiscoverNames } = parseAs(changeTenantRequest, await jsonBody(c), 'the body');
    return c.json(resources.toTenantResource(await admin.setTenant(operator(c), tenant(c), { agentsDiscoverNames })));
  });
}

/** Deleting answers with all that went. */
function addOperatorRoutes(app: App, admin: AdminUseCases): void {
  const base = '/v1/tenants/:tenant/operators';
  app.post(base, async (c) => {
    const { name } = parseAs(namedRequest, await jsonBody(c), 'the body');
    const added = await admin.addOperator(operator(c), tenant(c), name);
    return c.json({ operator: resources.toOperatorResource(added.operator), token: added.token }, 201);
  });
  app.get(base, async (c) => c.json(listed(await admin.listOperators(operator(c), tenant(c), page(c)), resources.toOperatorResource)));
  app.delete(`${base}/:name`, async (c) => {
    const gone = await admin.deleteOperators(operator(c), tenant(c), named(c));
    return c.json({ items: gone.map(resources.toOperatorResource) });
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
  app.get(`${base}/:name/routes`, async (c) =>
    c.json((await admin.agentRoutes(operator(c), tenant(c), named(c))).map(resources.toRouteResource)),
  );
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

/** The kill switch; see `AdminUseCases.killAll`. */
function addKillRoutes(app: App, admin: AdminUseCases): void {
  app.post('/v1/kill', async (c) => {
    const { killed, left } = await admin.killAll(operator(c));
    return c.json({
      items: killed.map((each) => changed(each, resources.toTenantResource)),
      left: left.map(({ tenant: name, why }) => ({ tenant: name, why: why.message })),
    });
  });
  app.post('/v1/tenants/:tenant/kill', async (c) =>
    c.json(changed(await admin.killTenant(operator(c), tenant(c)), resources.toTenantResource)),
  );
  app.post('/v1/tenants/:tenant/agents/:name/kill', async (c) =>
    c.json(changed(await admin.killAgent(operator(c), tenant(c), named(c)), resources.toAgentResource)),
  );
}
