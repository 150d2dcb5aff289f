import { AppError, type KnownRoute, parseDestination, type Route } from '@leasehold/core';
import { describe, expect, test } from 'vitest';
import { taught } from './refused.ts';
import { type Routed, route, type Target } from './route.ts';
import { compileRoutes } from './route-table.ts';

const lent: Route = {
  credentialId: 'crd_1',
  credentialName: 'openai',
  grantId: 'grt_1',
  version: 1,
  status: 'active',
  destinations: [parseDestination('https://api.openai.com/v1', { methods: ['GET'] })],
  injection: { kind: 'header', name: 'authorization', template: 'Bearer {value}' },
  placeholder: undefined,
  environment: [],
  service: undefined,
  limits: { methods: ['GET'], pathPrefixes: ['/v1/models'], ratePerMinute: undefined },
};
const known = (credentialName: string, ...urls: readonly string[]): KnownRoute => ({
  status: 'not_granted',
  credentialName,
  destinations: urls.map((url) => parseDestination(url)),
});

function answer(routes: readonly KnownRoute[], target: Partial<Target & { readonly way: 'proxy' }>, agent = 'dev'): Routed {
  const whole: Target = { way: 'proxy', scheme: 'https', host: 'api.openai.com', port: 443, method: 'GET', path: '/v1/models', ...target };
  return route(compileRoutes(routes, agent), whole, { rawHeaders: [], path: whole.path });
}

const byName = (routes: readonly KnownRoute[], credentialName: string): Routed =>
  route(compileRoutes(routes, 'dev'), { way: 'base-url', credentialName, method: 'GET', path: '/' }, { rawHeaders: [], path: '/' });

describe('a refusal names the destination, and the command that an operator would run', () => {
  test.each([
    [[], {}, 'no_route', 'leasehold grant add --agent dev --credential NAME'],
    [[{ ...lent, status: 'credential_suspended' }], {}, 'credential_suspended', 'leasehold credential resume openai'],
    [[{ ...lent, status: 'agent_suspended' }], {}, 'agent_suspended', 'leasehold agent resume dev'],
    [[{ ...lent, status: 'tenant_suspended' }], {}, 'tenant_suspended', 'leasehold tenant resume NAME'],
    [[{ ...lent, status: 'grant_expired' }], {}, 'grant_expired', 'leasehold grant add --agent dev --credential openai --not-after TIME'],
    [[lent], { path: '/v1/files' }, 'path_not_allowed', 'leasehold grant add --agent dev --credential openai --path PREFIX'],
    [[lent], { path: '/admin' }, 'path_not_allowed', 'leasehold credential show openai'],
    [[lent], { method: 'POST' }, 'method_not_allowed', 'leasehold credential show openai'],
    [
      [{ ...lent, destinations: [parseDestination('https://api.openai.com')] }],
      { method: 'POST' },
      'method_not_allowed',
      'leasehold grant add --agent dev --credential openai --method METHOD',
    ],
  ] as const)('%#: %j %j is %s', (routes, target, code, hint) => {
    const routed = answer(routes, target);
    expect(routed).toMatchObject({ kind: 'refused', code, destination: 'https://api.openai.com:443', hint });
    expect(routed.kind === 'refused' && routed.message).toContain(hint);
  });

  test('what the broker says is put in the same words', () => {
    const error = new AppError('no_grant', 'This agent has no grant. … --agent AGENT --credential NAME', { retryAfterS: 3 });
    const about = { agent: 'dev', credential: 'openai', destination: 'https://api.openai.com:443' };
    expect(taught(error, about)).toMatchObject({
      code: 'no_grant',
      hint: 'leasehold grant add --agent dev --credential openai',
      destination: about.destination,
      retryAfterS: 3,
      message: expect.stringContaining('--agent dev --credential openai'),
    });
  });

  test('one that asks for an identity keeps its words, and names destination and command', () => {
    const error = new AppError('identity_missing', 'The proxy wants Proxy-Authorization.');
    expect(taught(error, { agent: undefined, destination: 'https://x:443' })).toMatchObject({
      message: error.message,
      destination: 'https://x:443',
      hint: 'leasehold agent add AGENT --token-file FILE',
    });
  });

  test('what an operator can do nothing about stays as it is', () => {
    const error = new AppError('upstream_timeout', 'The upstream did not answer in time.');
    expect(taught(error, { agent: 'dev', credential: 'openai', destination: 'https://x:443' })).toBe(error);
  });
});

describe('the name of a credential without a grant', () => {
  test('is told where the tenant lets names be discovered, the most fitting one first', () => {
    const routes = [
      known('api', 'https://api.openai.com'),
      known('models', 'https://api.openai.com/v1'),
      known('other', 'https://other.example'),
    ];
    expect(answer(routes, {})).toMatchObject({ code: 'no_grant', hint: 'leasehold grant add --agent dev --credential models' });
    expect(answer(routes, { path: '/' })).toMatchObject({ code: 'no_grant', hint: 'leasehold grant add --agent dev --credential api' });
    expect(answer([known('wild', 'https://*.openai.com')], {})).toMatchObject({ hint: expect.stringContaining('--credential wild') });
    expect(answer(routes, { port: 8443 })).toMatchObject({ code: 'no_route', hint: expect.stringContaining('--credential NAME') });
  });

  test('never changes what a grant allows', () => {
    expect(answer([lent, known('other', 'https://api.openai.com/v1/models')], {})).toMatchObject({ kind: 'matched', route: lent });
    expect(answer([lent, known('other', 'https://api.openai.com/admin')], { path: '/admin' })).toMatchObject({ code: 'path_not_allowed' });
  });

  test('by base URL it is the name that the agent said itself; where it goes is told only if it may be known', () => {
    expect(byName([], 'openai')).toMatchObject({
      code: 'no_grant',
      destination: undefined,
      hint: expect.stringContaining('--credential openai'),
    });
    expect(byName([known('openai', 'https://api.openai.com')], 'openai')).toMatchObject({
      code: 'no_grant',
      destination: 'https://api.openai.com:443',
    });
  });
});

test('why a lease was revoked is told as it is, with whom to ask', () => {
  const why = new AppError('lease_revoked', 'It was suspended. Try again once an operator has resumed it.');
  expect(taught(why, { agent: 'dev', credential: 'openai', destination: 'https://api.openai.com:443' })).toMatchObject({
    message: why.message,
    destination: 'https://api.openai.com:443',
    hint: 'leasehold audit tail',
  });
});
