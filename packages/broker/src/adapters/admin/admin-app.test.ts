import { beforeEach, describe, expect, test } from 'vitest';
import { type BrokerRig, bytes, createRig, draft, grantDraft } from '../../app/broker-rig.suite.ts';
import { type AdminRequestRecord, createAdminApp } from './admin-app.ts';

let rig: BrokerRig;
let app: ReturnType<typeof createAdminApp>;
let log: AdminRequestRecord[];
let tokens: { readonly one: string; readonly two: string };

beforeEach(async () => {
  rig = createRig();
  log = [];
  app = createAdminApp(rig.admin, (record) => log.push(record));
  for (const tenant of ['one', 'two']) await rig.admin.addTenant(rig.root, tenant);
  const { token: one } = await rig.admin.addOperator(rig.root, 'one', 'first');
  const { token: two } = await rig.admin.addOperator(rig.root, 'two', 'second');
  tokens = { one, two };
  await rig.admin.addAgent(rig.root, 'one', 'agent');
  await rig.admin.addCredential(rig.root, 'one', draft('api'), bytes('sk-first-000'));
  await rig.admin.putGrant(rig.root, 'one', grantDraft('agent', 'api'));
});

const value = Buffer.from('sk-second-00').toString('base64');
const injection = { kind: 'query', name: 'key' };

type RouteCase = [method: string, path: string, body: object | undefined];
const withBody = ([method, path, body]: readonly [string, string, object?]): RouteCase => [method, path, body];

/** Every route within a tenant, with a body that it takes. */
const within: readonly (readonly [string, string, object?])[] = [
  ['PATCH', '', { agents_discover_names: true }],
  ['GET', '/operators'],
  ['GET', '/agents'],
  ['POST', '/agents', { name: 'new' }],
  ['GET', '/agents/agent/routes'],
  ['POST', '/agents/agent/rotate-token'],
  ['POST', '/agents/agent/suspend'],
  ['POST', '/agents/agent/resume'],
  ['DELETE', '/agents/agent'],
  ['POST', '/agents/agent/kill'],
  ['POST', '/kill'],
  ['GET', '/credentials'],
  ['POST', '/credentials', { name: 'new', destinations: [{ url: 'https://api.example.com' }], injection, value }],
  ['GET', '/credentials/api'],
  ['POST', '/credentials/api/rotate', { value }],
  ['POST', '/credentials/api/suspend'],
  ['POST', '/credentials/api/resume'],
  ['DELETE', '/credentials/api'],
  ['GET', '/grants'],
  ['PUT', '/grants', { agent: 'agent', credential: 'api' }],
  ['POST', '/grants/revoke', { agent: 'agent', credential: 'api' }],
  ['DELETE', '/grants/grt_00000000000000000000000000000000'],
  ['GET', '/leases'],
  ['DELETE', '/leases/lse_00000000000000000000000000000000'],
  ['GET', '/audit'],
  ['GET', '/audit/verify'],
  ['GET', '/confirmations?epoch=epoch-1&seq=1&committed_at=2026-01-31T12:00:00.000Z'],
];
const routes = within.map(withBody);
const above: readonly (readonly [string, string, object?])[] = [
  ['GET', '/v1/status'],
  ['GET', '/v1/tenants'],
  ['POST', '/v1/tenants', { name: 'three' }],
  ['POST', '/v1/tenants/one/suspend'],
  ['POST', '/v1/tenants/one/resume'],
  ['POST', '/v1/tenants/one/operators', { name: 'more' }],
  ['DELETE', '/v1/tenants/one/operators/more'],
  ['POST', '/v1/kill'],
  ['GET', '/v1/confirmations?committed_at=2026-01-31T12:00:00.000Z'],
];

function send(method: string, path: string, body?: object | string, token?: string) {
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
  };
  return app.request(path, {
    method,
    headers,
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

describe('who may ask', () => {
  const all = [...above.map(withBody), ...routes.map(([method, path, body]): RouteCase => [method, `/v1/tenants/one${path}`, body])];

  test.each(all)('%s %s: without a token, and with a wrong one, it is the same 401', async (method, path, body) => {
    for (const token of [undefined, 'lho_wrong']) {
      const answer = await send(method, path, body, token);
      expect([answer.status, answer.headers.get('x-leasehold-error')]).toEqual([401, 'identity_invalid']);
    }
    expect(log.every(({ status }) => status === 401)).toBe(true);
  });

  test.each(routes)(
    'THREATS 21: %s %s: another tenant is a 404 that looks like a missing one, and nothing changes there',
    async (method, path, body) => {
      const before = await rig.admin.auditRows(rig.root, 'one', { newest: 100 });
      const foreign = await send(method, `/v1/tenants/one${path}`, body, tokens.two);
      const missing = await send(method, `/v1/tenants/ghost${path}`, body, tokens.two);
      expect([foreign.status, missing.status]).toEqual([404, 404]);
      const texts = await Promise.all(
        [foreign, missing].map(async (answer) => JSON.parse(await answer.text()).error.message.replace(/one|ghost/g, 'X')),
      );
      expect(texts[0]).toBe(texts[1]);
      expect(await rig.admin.auditRows(rig.root, 'one', { newest: 100 })).toEqual(before);
    },
  );

  test.each(routes.filter(([, path]) => !path.includes('00000000')))(
    '%s %s: with the right token it does its work',
    async (method, path, body) => {
      const answer = await send(method, `/v1/tenants/one${path}`, body, tokens.one);
      expect([200, 201]).toContain(answer.status);
    },
  );
});

describe('what comes in', () => {
  const add = '/v1/tenants/one/credentials';
  const good = { name: 'new', destinations: [{ url: 'https://api.example.com' }], injection, value };

  test.each([
    ['no JSON', '{"name":'],
    ['an unknown field', { ...good, max_tll_ms: 1 }],
    ['an unknown field further down', { ...good, destinations: [{ url: 'https://api.example.com', path: '/v1' }] }],
    ['a missing field', { name: 'new' }],
    ['a value that is no base64', { ...good, value: 'not base64!' }],
    ['a destination that is none', { ...good, destinations: [{ url: 'ftp://x' }] }],
    ['more than 64 KiB', { ...good, placeholder: 'x'.repeat(70_000) }],
  ])('%s is refused with 400, and nothing is kept', async (_, body) => {
    const answer = await send('POST', add, body, tokens.one);
    expect([answer.status, answer.headers.get('x-leasehold-error')]).toEqual([400, 'invalid_argument']);
    expect((await rig.admin.listCredentials(rig.root, 'one', { limit: 10, after: undefined })).items.map(({ name }) => name)).toEqual([
      'api',
    ]);
  });

  test.each([
    [{ ttl_ms: 400_000.5 }, '"ttl_ms" must be a whole number'],
    [{ ttl_ms: '5m' }, '"ttl_ms" must be a number'],
    [{ rate_per_minute: 0.5 }, '"rate_per_minute" must be a whole number'],
    [{ rate_per_minute: 5e9 }, 'the rate is a whole number of requests a minute, from 1 to 4294967295.'],
    // A form of ISO 8601 that is no time to JavaScript.
    [{ not_after: '2090-01-31T12:00:00+05' }, '"not_after" must be an RFC 3339 time such as 2030-01-31T12:00:00Z'],
  ])('a grant with %j is refused, with what it must be, and nothing is changed', async (limits, message) => {
    const grants = () => rig.admin.listGrants(rig.root, 'one', { limit: 10, after: undefined });
    const before = await grants();
    const answer = await send('PUT', '/v1/tenants/one/grants', { agent: 'agent', credential: 'api', ...limits }, tokens.one);
    expect([answer.status, await answer.json()]).toEqual([400, { error: expect.objectContaining({ message }) }]);
    expect(await grants()).toEqual(before);
  });

  test.each(['/agents?limit=0', '/agents?limit=1001', '/agents?limit=1e2', '/audit?newest=0', '/audit?after=-1', '/confirmations?seq=1'])(
    '%s is refused with 400, never clamped',
    async (path) => {
      const answer = await send('GET', `/v1/tenants/one${path}`, undefined, tokens.one);
      expect([answer.status, answer.headers.get('x-leasehold-error')]).toEqual([400, 'invalid_argument']);
    },
  );

  test('all problems are named at once, and no value is quoted', async () => {
    const answer = await send('POST', add, { name: 1, destinations: 'x', injection, value: 'sk-not-base64-!' }, tokens.one);
    const text = await answer.text();
    for (const field of ['name', 'destinations', 'value']) expect(text).toContain(field);
    expect(text).not.toContain('sk-not-base64');
  });
});

describe('what goes out', () => {
  test('INV-11: no answer of any route holds the value, in any spelling', async () => {
    // Those that take things away come last: what is gone is in no answer.
    const inOrder = routes.toSorted(([one], [other]) => Number(one === 'DELETE') - Number(other === 'DELETE'));
    for (const [method, path, body] of inOrder) {
      const text = await (await send(method, `/v1/tenants/one${path}`, body, tokens.one)).text();
      expect(text).not.toMatch(/sk-first-000|c2stZmlyc3QtMDAw/);
    }
    const rotated = await (await send('POST', '/v1/tenants/one/credentials/api/rotate', { value }, tokens.one)).text();
    expect(rotated).not.toContain(value);
    expect(rotated).not.toContain('sk-second-00');
  });

  test('an error of ours shows its message, anything else nothing of itself', async () => {
    const broken = createAdminApp({ ...rig.admin, listAgents: () => Promise.reject(new Error('sk-first-000 in a message')) }, (record) =>
      log.push(record),
    );
    const answer = await broken.request('/v1/tenants/one/agents', { headers: { authorization: `Bearer ${tokens.one}` } });
    const text = await answer.text();
    expect(answer.status).toBe(500);
    expect(text).not.toContain('sk-first-000');
    expect(JSON.parse(text).error).toEqual({ code: 'internal', message: expect.any(String), request_id: expect.any(String) });
  });

  test('answers are not cached, and the log knows routes, not names', async () => {
    const answer = await send('GET', '/v1/tenants/one/credentials/api', undefined, tokens.one);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('access-control-allow-origin')).toBe(null);
    expect(log.at(-1)).toMatchObject({ method: 'GET', route: '/v1/tenants/:tenant/credentials/:name', status: 200 });
  });

  test('a revocation says where the log stands and when it was committed', async () => {
    const answer = await send('POST', '/v1/tenants/one/credentials/api/suspend', undefined, tokens.one);
    expect(await answer.json()).toMatchObject({
      item: { name: 'api', status: 'suspended' },
      revocation: { epoch: 'epoch-1', seq: 1, committed_at: expect.stringMatching(/Z$/) },
    });
  });

  test('a lease whose credential was cut is shown as revoked, also by the one who revokes it again', async () => {
    const caller = await rig.session('one', 'borrower');
    await rig.admin.putGrant(rig.root, 'one', grantDraft('borrower', 'api'));
    const { items } = await rig.admin.listCredentials(rig.root, 'one', { limit: 1, after: undefined });
    const { leaseId } = await rig.lending.issueLease(caller, { credentialId: items[0]?.id ?? '', ttlMs: 60_000 });
    await send('POST', '/v1/tenants/one/credentials/api/suspend', undefined, tokens.one);
    const answer = await send('DELETE', `/v1/tenants/one/leases/${leaseId}`, undefined, tokens.one);
    expect(await answer.json()).toMatchObject({ item: { id: leaseId, status: 'revoked' }, revocation: { seq: 1 } });
  });

  test('an unknown route is a typed 404', async () => {
    const answer = await send('GET', '/v1/nonsense', undefined, tokens.one);
    expect([answer.status, answer.headers.get('x-leasehold-error')]).toEqual([404, 'not_found']);
  });
});
