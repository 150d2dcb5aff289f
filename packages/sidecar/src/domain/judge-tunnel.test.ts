import { parseDestination, type Route, type RouteStatus } from '@leasehold/core';
import { describe, expect, test } from 'vitest';
import { judgeTunnel, type UnmatchedPolicy } from './judge-tunnel.ts';
import { compileRoutes } from './route-table.ts';

const routeTo = (url: string, status: RouteStatus = 'active'): Route => ({
  credentialId: `crd ${url}`,
  credentialName: 'api',
  grantId: 'grant',
  version: 1,
  status,
  destinations: [parseDestination(url)],
  injection: { kind: 'header', name: 'authorization', template: 'Bearer {value}' },
  placeholder: undefined,
  environment: [],
  service: undefined,
  limits: { methods: [], pathPrefixes: [], ratePerMinute: undefined },
});

const table = compileRoutes([
  routeTo('https://api.example.com'),
  routeTo('https://*.wild.example:8443'),
  routeTo('http://plain.example:8080'),
  routeTo('https://paused.example', 'credential_suspended'),
]);
const outcome = (host: string, port: number, unmatched: UnmatchedPolicy = 'refuse') => {
  const judged = judgeTunnel(table, { host, port }, unmatched);
  return judged.kind === 'refused' ? judged.code : judged.kind;
};

const tunnel: UnmatchedPolicy = { tunnelExceptTo: ['broker.example'] };

describe('a tunnel is judged by its authority', () => {
  test.each([
    ['the port of the destination', 'api.example.com', 443],
    ['port 80, whose plain HTTP goes on over TLS', 'api.example.com', 80],
    ['a host of a pattern', 'a.wild.example', 8443],
    ['a plaintext destination', 'plain.example', 8080],
    ['a destination whose credential is suspended: its requests are told why', 'paused.example', 443],
  ])('%s is intercepted', (_, host, port) => {
    expect(outcome(host, port)).toBe('intercept');
    expect(outcome(host, port, tunnel)).toBe('intercept');
  });

  test.each([
    ['another port', 'api.example.com', 22],
    ['the apex of a pattern', 'wild.example', 8443],
    ['two labels under a pattern', 'a.b.wild.example', 8443],
    ['a longer name', 'api.example.com.evil.example', 443],
    ['nothing known', 'other.example', 443],
  ])('%s is refused', (_, host, port) => {
    expect(outcome(host, port)).toBe('no_route');
  });

  test('metadata services are refused, whatever is unmatched', () => {
    expect(outcome('169.254.169.254', 80, tunnel)).toBe('address_forbidden');
    expect(outcome('metadata.google.internal', 443, tunnel)).toBe('address_forbidden');
  });
});

describe('with --unmatched=tunnel', () => {
  test('a host that no route names is passed blind', () => {
    expect(outcome('other.example', 443, tunnel)).toBe('blind');
  });

  test('THREATS 12: another port than those of the web is not, nor is the broker', () => {
    expect(outcome('other.example', 80, tunnel)).toBe('blind');
    for (const port of [22, 25, 5432, 8443]) expect(outcome('other.example', port, tunnel)).toBe('no_route');
    expect(outcome('broker.example', 443, tunnel)).toBe('address_forbidden');
  });

  test.each([
    ['on a port that it is not bound to', 'plain.example', 443],
    ['by a pattern, on another port', 'a.wild.example', 443],
    ['while its credential is suspended, on any other port', 'paused.example', 8443],
  ])('a host that a route names is never blind: %s', (_, host, port) => {
    expect(outcome(host, port, tunnel)).toBe('no_route');
  });
});
