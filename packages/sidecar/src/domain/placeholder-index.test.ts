import { type Injection, parseDestination, type Route } from '@leasehold/core';
import { describe, expect, test } from 'vitest';
import { type Routed, route, type Target } from './route.ts';
import { compileRoutes } from './route-table.ts';

const bearer: Injection = { kind: 'header', name: 'authorization', template: 'Bearer {value}' };
const replaced: Injection = { kind: 'placeholder', in: ['header', 'query', 'path'] };

function lent(name: string, url: string, more: Partial<Route> = {}): Route {
  return {
    credentialId: `crd_${name}`,
    credentialName: name,
    grantId: `grt_${name}`,
    version: 1,
    status: 'active',
    destinations: [parseDestination(url)],
    injection: bearer,
    placeholder: `${name}-0123456789ABCDEFGHIJKL`,
    environment: [],
    service: undefined,
    limits: { methods: [], pathPrefixes: [], ratePerMinute: undefined },
    ...more,
  };
}

const to = (host: string, path = '/'): Target => ({ way: 'proxy', scheme: 'https', host, port: 443, method: 'GET', path });
const by = (credentialName: string, path = '/'): Target => ({ way: 'base-url', credentialName, method: 'GET', path });

function outcome(routes: readonly Route[], target: Target, rawHeaders: readonly string[] = [], query = ''): string {
  const routed: Routed = route(compileRoutes(routes), target, { rawHeaders, path: target.path + query });
  return routed.kind === 'matched' ? routed.route.credentialName : routed.code;
}

const read = lent('read', 'https://api.x.com');
const write = lent('write', 'https://api.x.com');
const other = lent('other', 'https://api.other.com');
const placeholderOf = ({ placeholder = '' }: Route) => placeholder;

describe('several credentials on one host', () => {
  test('without a placeholder nobody can tell which is meant, so none goes out', () => {
    expect(outcome([read, write], to('api.x.com'))).toBe('no_route');
  });

  test.each([
    ['a bearer token', ['Authorization', `Bearer ${placeholderOf(write)}`]],
    ['a header of its own', ['X-API-Key', placeholderOf(write)]],
    ['a header with underscores', ['x_api_key', placeholderOf(write)]],
    ['a password', ['authorization', `Basic ${btoa(`me:${placeholderOf(write)}`)}`]],
    ['a user name', ['authorization', `Basic ${btoa(`${placeholderOf(write)}:`)}`]],
  ])('are told apart by the placeholder as %s', (_, headers) => {
    expect(outcome([read, write], to('api.x.com'), headers)).toBe('write');
  });

  test('are told apart by the placeholder in query and path', () => {
    expect(outcome([read, write], to('api.x.com'), [], `?a=1&key=${placeholderOf(write)}`)).toBe('write');
    expect(outcome([read, write], to('api.x.com', `/hooks/${placeholderOf(read)}/x`))).toBe('read');
    const bot = lent('bot', 'https://api.x.com', { injection: { kind: 'path', template: 'bot{value}' } });
    expect(outcome([read, bot], to('api.x.com', `/bot${placeholderOf(bot)}/send`))).toBe('bot');
  });

  test('are told apart by path; a placeholder says more than a path does', () => {
    const deep = lent('deep', 'https://api.x.com/v1');
    expect(outcome([read, deep], to('api.x.com', '/v1/x'))).toBe('deep');
    expect(outcome([read, deep], to('api.x.com', '/v1/x'), ['authorization', `Bearer ${placeholderOf(read)}`])).toBe('read');
    expect(outcome([read, deep], to('api.x.com', '/v2'), ['authorization', `Bearer ${placeholderOf(deep)}`])).toBe('path_not_allowed');
  });

  test('a suspended one that was named is not replaced by its neighbour', () => {
    const paused = lent('paused', 'https://api.x.com', { status: 'credential_suspended' });
    expect(outcome([read, paused], to('api.x.com'), ['authorization', `Bearer ${placeholderOf(paused)}`])).toBe('credential_suspended');
  });

  test('two placeholders in one request are refused, unless one credential has both', () => {
    const both = ['authorization', `Bearer ${placeholderOf(read)}`, 'x-api-key', placeholderOf(write)];
    expect(outcome([read, write], to('api.x.com'), both)).toBe('placeholder_misplaced');
    const shared = lent('shared', 'https://api.x.com', { placeholder: placeholderOf(read) });
    expect(outcome([read, shared], to('api.x.com'), both.slice(0, 2))).toBe('no_route');
    expect(outcome([read, shared, other], to('api.x.com'), ['authorization', 'Bearer of its own'])).toBe('no_route');
  });
});

describe('THREATS 2: a placeholder that is sent where its credential is not bound', () => {
  const headers = ['authorization', `Bearer ${placeholderOf(other)}`];

  test.each([
    ['to a host of another credential', to('api.x.com')],
    ['to a host that nothing is bound to', to('evil.example')],
    ['to another port', { ...to('api.other.com'), port: 8443 }],
    ['by the base URL of another credential', by('read')],
  ] as const)('%s is refused', (_, target) => {
    expect(outcome([read, other], target, headers)).toBe('placeholder_misplaced');
    expect(outcome([read, other], target)).not.toBe('placeholder_misplaced');
  });

  test('is refused in the query and in the path, too', () => {
    expect(outcome([read, other], to('api.x.com'), [], `?k=${placeholderOf(other)}`)).toBe('placeholder_misplaced');
    expect(outcome([read, other], to('api.x.com', `/${placeholderOf(other)}`))).toBe('placeholder_misplaced');
  });

  test('where it is bound it goes through, by proxy and by base URL, whatever the kind of injection', () => {
    for (const injection of [bearer, replaced]) {
      const bound = { ...other, injection };
      expect(outcome([read, bound], to('api.other.com'), headers)).toBe('other');
      expect(outcome([read, bound], by('other'), headers)).toBe('other');
    }
  });

  test('a short one is anybody’s dummy, and names nothing', () => {
    const dummy = { ...other, placeholder: 'dummy' };
    expect(outcome([read, dummy], to('api.x.com'), ['authorization', 'Bearer dummy'])).toBe('read');
  });

  test('in a header that carries no credential it says nothing', () => {
    expect(outcome([read, other], to('api.x.com'), ['user-agent', placeholderOf(other)])).toBe('read');
  });
});
