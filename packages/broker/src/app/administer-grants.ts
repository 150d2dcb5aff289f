import { AppError, isMethod, isPathPrefix, makeId } from '@leasehold/core';
import type { NewAuditEvent } from '../domain/audit-event.ts';
import type { Grant } from '../domain/grant.ts';
import { isNarrower } from '../domain/grant-limits.ts';
import type { GrantListing } from '../ports/store.ts';
import type { AdminUseCases, GrantDraft } from '../ports/use-cases.ts';
import { tenantIdOf } from './administer-tenants.ts';
import type { AdministrationDeps } from './administration.ts';
import { change, notFound, reached, refOf } from './reach.ts';

const maxTtlMs = 3_600_000;
/** What the wire to the sidecars holds: uint32. */
const maxRatePerMinute = 4_294_967_295;

export function administerGrants(deps: AdministrationDeps): Pick<AdminUseCases, 'putGrant' | 'listGrants' | 'findGrant' | 'revokeGrant'> {
  const { store, randomBytes } = deps;
  return {
    putGrant: async (by, tenantName, draft) => {
      checkDraft(draft);
      const selection = { agent: refOf(draft.agent), credential: refOf(draft.credential), grant: 'pair' } as const;
      const { result: row, revocation } = await change(
        deps,
        by,
        tenantName,
        selection,
        ({ tenant, agent, credential, grant: before }, now) => {
          if (agent === undefined || agent.status === 'deleted') throw notFound('agent', draft.agent);
          if (credential === undefined || credential.status === 'deleted') throw notFound('credential', draft.credential);
          if (draft.notAfter !== undefined && draft.notAfter <= now) {
            throw new AppError('invalid_argument', 'The grant would have run out already: --not-after lies in the past.');
          }
          const { ttlMs, notAfter, limits } = draft;
          const made = {
            id: makeId('grant', randomBytes(16)),
            tenantId: tenant.id,
            agentId: agent.id,
            credentialId: credential.id,
            status: 'active' as const,
            cutSeq: 0,
            createdAt: now,
          };
          const grant: Grant = { ...(before ?? made), ttlMs, notAfter, limits };
          const narrows = before !== undefined && isNarrower(before, grant);
          return {
            changes: [{ put: 'grant', row: grant }],
            revocations: narrows ? [{ scope: 'grant', ids: [grant.id], reason: 'narrowed' }] : [],
            audit: [audited(before === undefined ? 'grant.created' : 'grant.updated', by.id, { grant, agent, credential })],
            result: { grant, agent, credential },
          };
        },
      );
      return { row, revocation };
    },

    listGrants: async (by, tenant, page) => store.listings.grants(await tenantIdOf(deps, by, tenant), page),

    findGrant: async (by, tenantName, pair) => {
      const selection = { agent: refOf(pair.agent), credential: refOf(pair.credential), grant: 'pair' } as const;
      const { tenant, agent, credential, grant } = await store.directory.find({ tenant: refOf(tenantName), ...selection });
      reached(by, tenant, tenantName);
      return agent === undefined || credential === undefined || grant === undefined ? undefined : { grant, agent, credential };
    },

    revokeGrant: async (by, tenantName, which) => {
      const selection =
        'grantId' in which
          ? { grant: { id: which.grantId } }
          : ({ agent: refOf(which.agent), credential: refOf(which.credential), grant: 'pair' } as const);
      const { result: row, revocation } = await change(deps, by, tenantName, selection, ({ agent, credential, grant }) => {
        if (grant === undefined || agent === undefined || credential === undefined || grant.status !== 'active') {
          throw notFound('grant', 'grantId' in which ? which.grantId : `${which.agent}/${which.credential}`);
        }
        const revoked: Grant = { ...grant, status: 'revoked' };
        return {
          changes: [{ put: 'grant', row: revoked }],
          revocations: [{ scope: 'grant', ids: [grant.id], reason: 'revoked' }],
          audit: [{ ...audited('grant.revoked', by.id, { grant: revoked, agent, credential }), reason: 'revoked' }],
          result: { grant: revoked, agent, credential },
        };
      });
      return { row, revocation };
    },
  };
}

function audited(
  action: 'grant.created' | 'grant.updated' | 'grant.revoked',
  operatorId: string,
  { grant, agent, credential }: GrantListing,
): NewAuditEvent {
  return {
    actor: { kind: 'operator', id: operatorId },
    action,
    outcome: 'allowed',
    agentId: agent.id,
    credentialId: credential.id,
    grantId: grant.id,
    detail: { agent: agent.name, credential: credential.name, ttl_ms: grant.ttlMs, ...limitsOf(grant) },
  };
}

function checkDraft({ ttlMs, notAfter, limits: { methods, pathPrefixes, ratePerMinute } }: GrantDraft): void {
  const problems = [
    ...(Number.isInteger(ttlMs) && ttlMs >= 1_000 && ttlMs <= maxTtlMs
      ? []
      : ['the TTL of a grant is from 1s to 1h, in whole milliseconds.']),
    ...(notAfter === undefined || Number.isSafeInteger(notAfter) ? [] : ['the end of a grant is no time.']),
    ...methods.filter((method) => !isMethod(method)).map((method) => `"${method}" is no HTTP method.`),
    ...pathPrefixes.filter((prefix) => !isPathPrefix(prefix)).map((prefix) => `"${prefix}" is no path prefix.`),
    ...(ratePerMinute === undefined || (Number.isInteger(ratePerMinute) && ratePerMinute >= 1 && ratePerMinute <= maxRatePerMinute)
      ? []
      : [`the rate is a whole number of requests a minute, from 1 to ${maxRatePerMinute}.`]),
  ];
  if (problems.length > 0) throw new AppError('invalid_argument', problems.join('\n'));
}

/** So that the trail can tell when one was dropped. */
function limitsOf({ notAfter, limits: { methods, pathPrefixes, ratePerMinute } }: Grant): Record<string, string | number> {
  return {
    ...(notAfter !== undefined && { not_after: notAfter }),
    ...(methods.length > 0 && { methods: methods.join(' ') }),
    ...(pathPrefixes.length > 0 && { path_prefixes: pathPrefixes.join(' ') }),
    ...(ratePerMinute !== undefined && { rate_per_minute: ratePerMinute }),
  };
}
