import { AppError } from '@leasehold/core';
import { Agent, type Dispatcher, request } from 'undici';
import * as v from 'valibot';
import { lines, parseAnswer, refusal, unreachable, untilDone, wholeText } from './answer.ts';
import type { AddCredentialRequest, ChangeTenantRequest, PutGrantRequest, RevokeGrantRequest } from './requests.ts';
import * as resources from './resources.ts';

export interface AdminClientOptions {
  /** `https://host:port` */
  readonly url: string;
  readonly token: string;
  /** The CA that issued the broker's certificate; no other is trusted. */
  readonly caPem: string;
}

export interface PageOf<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export interface ChangeOf<T> {
  readonly item: T;
  /** The revocation that the change caused; null when it caused none. */
  readonly revocation: resources.RevocationResource | null;
}

export interface Paging {
  readonly limit?: number;
  readonly after?: string | null;
}

type Verb = 'suspend' | 'resume' | 'delete';

/**
 * The admin API. Every method throws AppError: the broker's own, `broker_unreachable`, or `internal` for an answer that is not understood.
 * `name` arguments take a name or an id.
 */
export interface AdminClient {
  status(): Promise<resources.StatusResource>;
  addTenant(name: string): Promise<resources.TenantResource>;
  listTenants(page?: Paging): Promise<PageOf<resources.TenantResource>>;
  changeTenant(name: string, verb: Exclude<Verb, 'delete'>): Promise<ChangeOf<resources.TenantResource>>;
  setTenant(name: string, change: ChangeTenantRequest): Promise<resources.TenantResource>;
  addOperator(tenant: string, name: string): Promise<{ operator: resources.OperatorResource; token: string }>;
  listOperators(tenant: string, page?: Paging): Promise<PageOf<resources.OperatorResource>>;
  /** By name, or by id; answers with those that went. */
  deleteOperators(tenant: string, name: string): Promise<readonly resources.OperatorResource[]>;
  addAgent(tenant: string, name: string): Promise<{ agent: resources.AgentResource; token: string }>;
  listAgents(tenant: string, page?: Paging): Promise<PageOf<resources.AgentResource>>;
  /** All routes of an agent: as many as it has grants. */
  listRoutes(tenant: string, agent: string): Promise<readonly resources.RouteResource[]>;
  rotateAgentToken(tenant: string, name: string): Promise<ChangeOf<resources.AgentResource> & { token: string }>;
  changeAgent(tenant: string, name: string, verb: Verb): Promise<ChangeOf<resources.AgentResource>>;
  addCredential(tenant: string, credential: AddCredentialRequest): Promise<resources.CredentialResource>;
  listCredentials(tenant: string, page?: Paging): Promise<PageOf<resources.CredentialResource>>;
  showCredential(tenant: string, name: string): Promise<resources.CredentialResource>;
  /** `value` is base64. */
  rotateCredential(tenant: string, name: string, value: string): Promise<ChangeOf<resources.CredentialResource>>;
  changeCredential(tenant: string, name: string, verb: Verb): Promise<ChangeOf<resources.CredentialResource>>;
  putGrant(tenant: string, grant: PutGrantRequest): Promise<ChangeOf<resources.GrantResource>>;
  listGrants(tenant: string, page?: Paging): Promise<PageOf<resources.GrantResource>>;
  findGrant(tenant: string, pair: RevokeGrantRequest): Promise<resources.GrantResource | undefined>;
  revokeGrant(tenant: string, pair: RevokeGrantRequest): Promise<ChangeOf<resources.GrantResource>>;
  listLeases(tenant: string, page?: Paging & { readonly all?: boolean }): Promise<PageOf<resources.LeaseResource>>;
  revokeLease(tenant: string, id: string): Promise<ChangeOf<resources.LeaseResource>>;
  /** The kill switch: off until resumed. `left`: tenants that it could not cut off, because what the database holds of them is damaged. */
  killAll(): Promise<KilledAll>;
  killTenant(name: string): Promise<ChangeOf<resources.TenantResource>>;
  killAgent(tenant: string, name: string): Promise<ChangeOf<resources.AgentResource>>;
  newestAudit(tenant: string, count: number): Promise<readonly resources.AuditRowResource[]>;
  auditAfter(tenant: string, after: number, limit: number): Promise<readonly resources.AuditRowResource[]>;
  /** Walks the whole trail: how far it came, line by line, and at the end what it found. */
  verifyAudit(tenant: string): AsyncIterable<resources.AuditVerificationResource>;
  /** Follows how sidecars confirm a revocation, line by line, until it is done. */
  confirmations(tenant: string, revocation: resources.RevocationResource): AsyncIterable<resources.ConfirmationResource>;
  /** The same for the sidecars of all tenants. */
  confirmationsOfAll(committedAt: string): AsyncIterable<resources.ConfirmationResource>;
  close(): Promise<void>;
}

export interface KilledAll {
  readonly items: readonly ChangeOf<resources.TenantResource>[];
  readonly left: readonly { readonly tenant: string; readonly why: string }[];
}

const timeoutMs = 30_000;
/** Longer than any `max_staleness`: between two steps of a confirmation nothing need be said until the bound. */
const followTimeoutMs = 90_000;
const maxAnswerBytes = 64 * 1_024 * 1_024;

/** Throws AppError `invalid_argument` for an address without TLS: the token is not sent in clear. */
export function createAdminClient({ url, token, caPem }: AdminClientOptions): AdminClient {
  mustBeHttps(url);
  if (!/^[\x21-\x7e]+$/.test(token)) throw new AppError('identity_invalid', 'What was given is no operator token.\nCheck the token file.');
  const dispatcher = new Agent({
    connect: { ca: caPem, rejectUnauthorized: true, timeout: 5_000 },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: maxAnswerBytes,
  });

  async function send(
    method: Dispatcher.HttpMethod,
    path: string,
    body?: object,
    times: { readonly bodyTimeout?: number } = {},
  ): Promise<Dispatcher.ResponseData> {
    const headers = { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) };
    let answer: Dispatcher.ResponseData;
    try {
      const text = body === undefined ? null : JSON.stringify(body);
      answer = await request(new URL(path, url), { dispatcher, method, headers, body: text, ...times });
    } catch (cause) {
      throw unreachable(url, cause);
    }
    if (answer.statusCode >= 300) throw await refusal(answer);
    return answer;
  }

  async function ask<S extends v.GenericSchema>(
    schema: S,
    method: Dispatcher.HttpMethod,
    path: string,
    body?: object,
  ): Promise<v.InferOutput<S>> {
    const answer = await send(method, path, body);
    return parseAnswer(schema, await wholeText(answer.body, url));
  }

  /** An answer that comes step by step. */
  async function* follow<S extends v.GenericSchema<unknown, { readonly done: boolean }>>(schema: S, path: string) {
    const { body } = await send('GET', path, undefined, { bodyTimeout: followTimeoutMs });
    yield* untilDone(lines(schema, body, url), url);
  }

  const confirmations = (path: string, query: Readonly<Record<string, string>>) =>
    follow(resources.confirmationSchema, `${path}?${new URLSearchParams(query)}`);

  const within = (tenant: string, ...parts: readonly string[]) => `/v1/tenants/${[tenant, ...parts].map(encodeURIComponent).join('/')}`;
  const page = (path: string, { limit = 100, after }: Paging = {}, more = '') =>
    `${path}?limit=${limit}${after == null ? '' : `&after=${encodeURIComponent(after)}`}${more}`;
  const change = <S extends v.GenericSchema>(schema: S, path: string, verb: Verb) =>
    verb === 'delete' ? ask(changeOf(schema), 'DELETE', path) : ask(changeOf(schema), 'POST', `${path}/${verb}`);

  return {
    status: () => ask(resources.statusSchema, 'GET', '/v1/status'),
    addTenant: (name) => ask(resources.tenantSchema, 'POST', '/v1/tenants', { name }),
    listTenants: (paging) => ask(pageOf(resources.tenantSchema), 'GET', page('/v1/tenants', paging)),
    changeTenant: (name, verb) => change(resources.tenantSchema, within(name), verb),
    setTenant: (name, settings) => ask(resources.tenantSchema, 'PATCH', within(name), settings),
    addOperator: (tenant, name) =>
      ask(v.object({ operator: resources.operatorSchema, token: v.string() }), 'POST', within(tenant, 'operators'), { name }),
    listOperators: (tenant, paging) => ask(pageOf(resources.operatorSchema), 'GET', page(within(tenant, 'operators'), paging)),
    deleteOperators: async (tenant, name) =>
      (await ask(v.object({ items: v.array(resources.operatorSchema) }), 'DELETE', within(tenant, 'operators', name))).items,
    addAgent: (tenant, name) =>
      ask(v.object({ agent: resources.agentSchema, token: v.string() }), 'POST', within(tenant, 'agents'), { name }),
    listAgents: (tenant, paging) => ask(pageOf(resources.agentSchema), 'GET', page(within(tenant, 'agents'), paging)),
    listRoutes: (tenant, name) => ask(v.array(resources.routeSchema), 'GET', within(tenant, 'agents', name, 'routes')),
    rotateAgentToken: (tenant, name) =>
      ask(
        v.object({ item: resources.agentSchema, revocation: v.nullable(resources.revocationSchema), token: v.string() }),
        'POST',
        within(tenant, 'agents', name, 'rotate-token'),
      ),
    changeAgent: (tenant, name, verb) => change(resources.agentSchema, within(tenant, 'agents', name), verb),
    addCredential: (tenant, credential) => ask(resources.credentialSchema, 'POST', within(tenant, 'credentials'), credential),
    listCredentials: (tenant, paging) => ask(pageOf(resources.credentialSchema), 'GET', page(within(tenant, 'credentials'), paging)),
    showCredential: (tenant, name) => ask(resources.credentialSchema, 'GET', within(tenant, 'credentials', name)),
    rotateCredential: (tenant, name, value) =>
      ask(changeOf(resources.credentialSchema), 'POST', within(tenant, 'credentials', name, 'rotate'), { value }),
    changeCredential: (tenant, name, verb) => change(resources.credentialSchema, within(tenant, 'credentials', name), verb),
    putGrant: (tenant, grant) => ask(changeOf(resources.grantSchema), 'PUT', within(tenant, 'grants'), grant),
    listGrants: (tenant, paging) => ask(pageOf(resources.grantSchema), 'GET', page(within(tenant, 'grants'), paging)),
    findGrant: async (tenant, { agent, credential }) =>
      (await ask(pageOf(resources.grantSchema), 'GET', `${within(tenant, 'grants')}?${new URLSearchParams({ agent, credential })}`))
        .items[0],
    revokeGrant: (tenant, pair) => ask(changeOf(resources.grantSchema), 'POST', within(tenant, 'grants', 'revoke'), pair),
    listLeases: (tenant, paging = {}) =>
      ask(pageOf(resources.leaseSchema), 'GET', page(within(tenant, 'leases'), paging, paging.all === true ? '&state=all' : '')),
    revokeLease: (tenant, id) => ask(changeOf(resources.leaseSchema), 'DELETE', within(tenant, 'leases', id)),
    killAll: () => ask(killedAllSchema, 'POST', '/v1/kill'),
    killTenant: (name) => ask(changeOf(resources.tenantSchema), 'POST', within(name, 'kill')),
    killAgent: (tenant, name) => ask(changeOf(resources.agentSchema), 'POST', within(tenant, 'agents', name, 'kill')),
    newestAudit: (tenant, count) => ask(v.array(resources.auditRowSchema), 'GET', `${within(tenant, 'audit')}?newest=${count}`),
    auditAfter: (tenant, after, limit) =>
      ask(v.array(resources.auditRowSchema), 'GET', `${within(tenant, 'audit')}?after=${after}&limit=${limit}`),
    verifyAudit: (tenant) => follow(resources.auditVerificationSchema, within(tenant, 'audit', 'verify')),
    confirmations: (tenant, { epoch, seq, committed_at }) =>
      confirmations(within(tenant, 'confirmations'), { epoch, seq: String(seq), committed_at }),
    confirmationsOfAll: (committed_at) => confirmations('/v1/confirmations', { committed_at }),
    close: () => dispatcher.close(),
  };
}

function pageOf<S extends v.GenericSchema>(schema: S) {
  return v.object({ items: v.array(schema), next: v.nullable(v.string()) });
}

function changeOf<S extends v.GenericSchema>(schema: S) {
  return v.object({ item: schema, revocation: v.nullable(resources.revocationSchema) });
}

const killedAllSchema = v.object({
  items: v.array(changeOf(resources.tenantSchema)),
  left: v.array(v.object({ tenant: v.string(), why: v.string() })),
});

function mustBeHttps(url: string): void {
  if (URL.parse(url)?.protocol !== 'https:')
    throw new AppError(
      'invalid_argument',
      'The address of the broker does not begin with https://.\nWrite it as https://host:port (LEASEHOLD_ADMIN_URL).',
    );
}
