import type { KnownRoute, Route } from '@leasehold/core';
import { expect, test } from 'vitest';
import { environmentPage } from './environment-page.ts';

const granted: Route = {
  credentialId: 'crd_1',
  credentialName: 'openai',
  grantId: 'grt_1',
  version: 1,
  status: 'active',
  destinations: [],
  injection: { kind: 'header', name: 'authorization', template: 'Bearer {value}' },
  placeholder: 'sk-1',
  environment: [{ name: 'OPENAI_API_KEY', value: '{placeholder}' }],
  service: undefined,
  limits: { methods: [], pathPrefixes: [], ratePerMinute: undefined },
};
const proxyUrl = 'http://127.0.0.1:7480';
const named = (routes: readonly KnownRoute[]) => environmentPage(routes, proxyUrl, null).variables.map(({ name }) => name);

test('an agent is given the variables of what it was granted, suspended or not, and of nothing else', () => {
  expect(named([granted])).toEqual(['OPENAI_API_KEY']);
  expect(named([{ ...granted, status: 'credential_suspended' }])).toEqual(['OPENAI_API_KEY']);
  expect(named([{ status: 'not_granted', credentialName: 'openai', destinations: [] }])).toEqual([]);
});

test('before the broker has named routes there are none, and the page says why', () => {
  const trouble = { code: 'identity_invalid', message: 'Check the token.', stack: 'of the sidecar' } as const;
  expect(environmentPage(undefined, proxyUrl, trouble)).toEqual({
    trouble: { code: 'identity_invalid', message: 'Check the token.' },
    variables: [],
  });
});
