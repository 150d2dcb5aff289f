import { parseDestination } from '@leasehold/core';
import { expect, test } from 'vitest';
import { aLineage } from './lineage.suite.ts';
import { routesOf } from './routes-of.ts';

const pem = '-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----';

const routesWith = (changes: Parameters<typeof aLineage>[0]) => {
  const { tenant, agent, credential, grant } = aLineage(changes);
  return routesOf({ now: 1_000, tenant, agent, grants: [{ grant, credential }], ungranted: [] });
};

test('a live grant is an active route with the current version and the grant’s limits', () => {
  expect(routesWith({})).toMatchObject([{ credentialId: 'crd_1', credentialName: 'api', grantId: 'grt_1', version: 3, status: 'active' }]);
});

test.each([
  ['credential_suspended', { credential: { status: 'suspended' } }],
  ['agent_suspended', { agent: { status: 'suspended' } }],
  ['tenant_suspended', { tenant: { status: 'suspended' } }],
  ['grant_expired', { grant: { notAfter: 1_000 } }],
] as const)('INV-2: what is not live stays a route (%s), so that its hosts never turn into unmatched ones', (status, changes) => {
  expect(routesWith(changes)).toMatchObject([{ status }]);
});

test('where the tenant lets agents discover names, credentials without a grant are told of: name and destinations, no more', () => {
  const { tenant, agent, credential } = aLineage({
    tenant: { agentsDiscoverNames: true },
    credential: {
      name: 'other',
      injection: { kind: 'basic', username: 'account' },
      placeholder: 'sk-placeholder',
      environment: [{ name: 'KEY', value: 'told to nobody' }],
      destinations: [parseDestination('https://api.example', { caPem: pem, privateCidrs: ['10.0.0.0/8'] })],
    },
  });
  const lineage = { now: 1_000, tenant, agent, grants: [], ungranted: [credential] };
  expect(routesOf(lineage)).toEqual([
    { status: 'not_granted', credentialName: 'other', destinations: [parseDestination('https://api.example')] },
  ]);
  expect(routesOf({ ...lineage, tenant: { ...tenant, agentsDiscoverNames: false } })).toEqual([]);
  expect(routesOf({ ...lineage, agent: { ...agent, status: 'suspended' } })).toEqual([]);
});

test('what is revoked or deleted is no route', () => {
  expect(routesWith({ grant: { status: 'revoked' } })).toEqual([]);
  expect(routesWith({ credential: { status: 'deleted' } })).toEqual([]);
  expect(routesWith({ agent: { status: 'deleted' } })).toEqual([]);
});
