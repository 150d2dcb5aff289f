import { type GrantLimits, parseDestination, type Route } from '@leasehold/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Routed, route, type Target } from './route.ts';
import { compileRoutes, emptyRouteTable } from './route-table.ts';

const unlimited: GrantLimits = { methods: [], pathPrefixes: [], ratePerMinute: undefined };

function routeTo(name: string, urls: readonly string[], more: Partial<Route> = {}): Route {
  return {
    credentialId: `crd_${name}`,
    credentialName: name,
    grantId: `grt_${name}`,
    version: 1,
    status: 'active',
    destinations: urls.map((url) => parseDestination(url)),
    injection: { kind: 'header', name: 'authorization', template: 'Bearer {value}' },
    placeholder: undefined,
    environment: [],
    service: undefined,
    limits: unlimited,
    ...more,
  };
}

function proxied(url: string, method = 'GET'): Target {
  const { protocol, hostname, port, pathname } = new URL(url);
  const scheme = protocol === 'https:' ? 'https' : 'http';
  return {
    way: 'proxy',
    scheme,
    host: hostname,
    port: port === '' ? (scheme === 'https' ? 443 : 80) : Number(port),
    method,
    path: pathname,
  };
}

/** A request without a placeholder. */
const bare = { rawHeaders: [], path: '/' };
const named = (credentialName: string, path = '/', method = 'GET'): Target => ({ way: 'base-url', credentialName, method, path });

function outcome(routes: readonly Route[], target: Target): string {
  const routed: Routed = route(compileRoutes(routes), target, bare);
  return routed.kind === 'matched'
    ? `${routed.route.credentialName} ${routed.destination.scheme}://${routed.host}:${routed.destination.port}`
    : routed.code;
}

const openai = routeTo('openai', ['https://api.openai.com']);

describe('a request by proxy', () => {
  test.each([
    ['https://api.openai.com/v1', 'openai https://api.openai.com:443'],
    ['http://api.openai.com/v1', 'openai https://api.openai.com:443'],
    ['http://api.openai.com:443/v1', 'openai https://api.openai.com:443'],
    ['https://api.openai.com:8443/v1', 'no_route'],
    ['https://api.openai.com:80/v1', 'no_route'],
    ['http://api.openai.com:8080/v1', 'no_route'],
    ['https://api.openai.com.evil.com/v1', 'no_route'],
    ['https://evil-api.openai.com/v1', 'no_route'],
    ['https://x.api.openai.com/v1', 'no_route'],
    ['https://openai.com/v1', 'no_route'],
  ])('for %s is answered with %s', (url, expected) => {
    expect(outcome([openai], proxied(url))).toBe(expected);
  });

  test('goes nowhere without routes', () => {
    expect(route(emptyRouteTable, proxied('https://api.openai.com/'), bare)).toMatchObject({ kind: 'refused', code: 'no_route' });
  });

  test('goes out in the clear only where the destination says so, and over TLS where it says both', () => {
    const clear = routeTo('clear', ['http://db.internal']);
    expect(outcome([clear], proxied('http://db.internal/'))).toBe('clear http://db.internal:80');
    expect(outcome([clear], proxied('https://db.internal/'))).toBe('no_route');
    expect(outcome([routeTo('odd', ['http://db.internal:443'])], proxied('https://db.internal/'))).toBe('no_route');
    const both = routeTo('both', ['http://db.internal', 'https://db.internal']);
    expect(outcome([both], proxied('http://db.internal/'))).toBe('both https://db.internal:443');
  });

  test.each(['169.254.169.254', 'metadata.google.internal', '100.100.100.200', '169.254.170.2', 'fd00:ec2::254'])(
    'for the metadata service %s is refused at once, bound or not',
    (host) => {
      const target: Target = { way: 'proxy', scheme: 'http', host, port: 80, method: 'GET', path: '/' };
      const bound = routeTo('bound', [`http://${host.includes(':') ? `[${host}]` : host}`]);
      expect(outcome([], target)).toBe('address_forbidden');
      expect(outcome([bound], target)).toBe('address_forbidden');
    },
  );
});

describe('several credentials for one host', () => {
  const all = routeTo('all', ['https://api.x.com']);
  const files = routeTo('files', ['https://api.x.com/v1/files']);

  test('the longest path prefix wins, in any order', () => {
    for (const routes of [
      [all, files],
      [files, all],
    ]) {
      expect(outcome(routes, proxied('https://api.x.com/v1/files/1'))).toContain('files');
      expect(outcome(routes, proxied('https://api.x.com/v1/filesystem'))).toContain('all');
    }
  });

  test('a path prefix of the grant counts like one of the destination', () => {
    const narrowed = routeTo('narrowed', ['https://api.x.com'], { limits: { ...unlimited, pathPrefixes: ['/v1/files/mine'] } });
    expect(outcome([files, narrowed], proxied('https://api.x.com/v1/files/mine/1'))).toContain('narrowed');
    expect(outcome([files, narrowed], proxied('https://api.x.com/v1/files/1'))).toContain('files');
  });

  test('a tie is refused, never guessed', () => {
    const other = routeTo('other', ['https://api.x.com']);
    expect(outcome([all, other], proxied('https://api.x.com/'))).toBe('no_route');
    expect(outcome([all, other, files], proxied('https://api.x.com/v1/files'))).toContain('files');
    expect(outcome([all, other], named('other'))).toBe('other https://api.x.com:443');
  });

  test('methods tell credentials apart', () => {
    const reads = parseDestination('https://api.x.com', { methods: ['GET'] });
    const writes = parseDestination('https://api.x.com', { methods: ['POST'] });
    const routes = [routeTo('reader', [], { destinations: [reads] }), routeTo('writer', [], { destinations: [writes] })];
    expect(outcome(routes, proxied('https://api.x.com/', 'GET'))).toContain('reader');
    expect(outcome(routes, proxied('https://api.x.com/', 'POST'))).toContain('writer');
    expect(outcome(routes, proxied('https://api.x.com/', 'DELETE'))).toBe('method_not_allowed');
  });

  test('an exact host goes before a pattern', () => {
    const wide = routeTo('wide', ['https://*.x.com']);
    expect(outcome([wide, all], proxied('https://api.x.com/'))).toContain('all');
    expect(outcome([wide, all], proxied('https://b.x.com/'))).toBe('wide https://b.x.com:443');
    expect(outcome([wide, all], proxied('https://x.com/'))).toBe('no_route');
  });

  test('suspending one credential never sends another in its place', () => {
    const status = 'credential_suspended';
    const wide = routeTo('wide', ['https://*.x.com']);
    expect(outcome([all, { ...files, status }], proxied('https://api.x.com/v1/files'))).toBe(status);
    expect(outcome([wide, { ...all, status }], proxied('https://api.x.com/'))).toBe(status);
    expect(outcome([all, { ...routeTo('other', ['https://api.x.com']), status }], proxied('https://api.x.com/'))).toBe('no_route');
  });
});

describe('what a matched request may do', () => {
  test.each(['credential_suspended', 'agent_suspended', 'tenant_suspended', 'grant_expired'] as const)(
    'is nothing while the route is %s',
    (status) => {
      expect(outcome([{ ...openai, status }], proxied('https://api.openai.com/'))).toBe(status);
      expect(outcome([{ ...openai, status }], named('openai'))).toBe(status);
    },
  );

  test('is limited by methods of the destination and of the grant', () => {
    const destinations = [parseDestination('https://api.x.com', { methods: ['GET', 'POST'] })];
    const limited = routeTo('limited', [], { destinations, limits: { ...unlimited, methods: ['GET', 'DELETE'] } });
    const codes = ['GET', 'POST', 'DELETE', 'get', 'TRACE'].map((method) => outcome([limited], proxied('https://api.x.com/', method)));
    expect(codes).toEqual(['limited https://api.x.com:443', ...Array(4).fill('method_not_allowed')]);
  });

  test('is never TRACE, which would echo what we inject', () => {
    expect(outcome([openai], proxied('https://api.openai.com/', 'TRACE'))).toBe('method_not_allowed');
    expect(outcome([openai], proxied('https://api.openai.com/', 'PATCH'))).toContain('openai');
  });

  test('is limited by paths of the destination and of the grant, at segment boundaries', () => {
    const limited = routeTo('limited', ['https://api.x.com/v1'], { limits: { ...unlimited, pathPrefixes: ['/v1/a', '/v2'] } });
    const reachable = ['/v1/a', '/v1/a/b', '/v1/ab', '/v1', '/v2', '/'].filter((path) =>
      outcome([limited], named('limited', path)).includes('limited '),
    );
    expect(reachable).toEqual(['/v1/a', '/v1/a/b']);
    expect(outcome([limited], proxied('https://api.x.com/v2'))).toBe('path_not_allowed');
  });
});

describe('a request by base URL', () => {
  test.each([
    ['openai', 'openai https://api.openai.com:443'],
    ['wide', 'no_route'],
    ['nobody', 'no_grant'],
    ['', 'no_grant'],
    ['__proto__', 'no_grant'],
  ])('for %j is answered with %s', (name, expected) => {
    expect(outcome([openai, routeTo('wide', ['https://*.x.com'])], named(name))).toBe(expected);
  });

  test('goes to the first destination written that covers the path', () => {
    const two = routeTo('two', ['https://*.x.com', 'https://api.x.com', 'https://uploads.x.com', 'https://files.x.com/files']);
    expect(outcome([two], named('two', '/v1'))).toBe('two https://api.x.com:443');
    expect(outcome([two], named('two', '/files/1'))).toBe('two https://files.x.com:443');
  });
});

test('a request is matched only by a credential whose destination covers it', () => {
  const host = fc.constantFrom('x.com', 'a.x.com', 'b.a.x.com', '*.x.com', '*.a.x.com');
  const port = fc.constantFrom('', ':8443');
  const path = fc.constantFrom('', '/v1', '/v1/a');
  const url = fc.tuple(fc.constantFrom('http', 'https'), host, port, path).map(([scheme, ...rest]) => `${scheme}://${rest.join('')}`);
  const routes = fc
    .array(fc.array(url, { minLength: 1, maxLength: 3 }), { maxLength: 4 })
    .map((lists) => lists.map((urls, index) => routeTo(`c${index}`, urls)));
  const target = url.filter((text) => !text.includes('*')).map((text) => proxied(text));
  fc.assert(
    fc.property(routes, target, (list, request) => {
      const routed = route(compileRoutes(list), request, bare);
      if (routed.kind !== 'matched' || request.way !== 'proxy') return;
      const { destination } = routed;
      expect(routed.route.destinations).toContain(destination);
      expect(routed.host).toBe(request.host);
      const [, ...parent] = request.host.split('.');
      expect([request.host, `*.${parent.join('.')}`]).toContain(destination.hostPattern);
      if (request.scheme === 'https') expect(destination.scheme).toBe('https');
      expect([request.port, 443]).toContain(destination.port);
      if (destination.port !== request.port) expect(request).toMatchObject({ scheme: 'http', port: 80 });
      for (const prefix of destination.pathPrefixes) expect(`${request.path}/`.startsWith(`${prefix}/`)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});
