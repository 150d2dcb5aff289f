import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { AppError, type KnownRoute, type Route, revocationReasons } from '@leasehold/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InjectionSchema, PlaceholderPlace, RouteSchema } from './gen/leasehold/v1/route_pb.ts';
import { RevokedSchema } from './gen/leasehold/v1/watch_pb.ts';
import { fromProtoRevoked, fromUint64, toProtoRevoked } from './revocation-wire.ts';
import { fromProtoRoute, toProtoRoute } from './route-wire.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
const texts = fc.array(text, { maxLength: 3 });
const destinations = fc.array(
  fc.record({
    scheme: fc.constantFrom('https', 'http'),
    hostPattern: name,
    port: fc.integer({ min: 1, max: 65_535 }),
    methods: texts,
    pathPrefixes: texts,
    caPem: fc.option(name, { nil: undefined }),
    privateCidrs: texts,
    body: fc.constantFrom('json', 'form', undefined),
  }),
  { maxLength: 3 },
);
const granted = fc.record({
  credentialId: name,
  credentialName: text,
  grantId: name,
  version: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  status: fc.constantFrom('active', 'credential_suspended', 'agent_suspended', 'tenant_suspended', 'grant_expired'),
  destinations,
  injection: fc.oneof(
    fc.record({ kind: fc.constant('header'), name: text, template: text }),
    fc.record({ kind: fc.constant('basic'), username: text }),
    fc.record({ kind: fc.constant('query'), name: text }),
    fc.record({ kind: fc.constant('path'), template: text }),
    fc.record({
      kind: fc.constant('placeholder'),
      in: fc.uniqueArray(fc.constantFrom('header', 'query', 'path', 'body'), { minLength: 1 }),
    }),
  ),
  placeholder: fc.option(name, { nil: undefined }),
  environment: fc.array(fc.record({ name: text, value: text }), { maxLength: 3 }),
  service: fc.option(name, { nil: undefined }),
  limits: fc.record({
    methods: texts,
    pathPrefixes: texts,
    ratePerMinute: fc.option(fc.integer({ min: 1, max: 1e6 }), { nil: undefined }),
  }),
});

/** What is replaced has to be there. */
const routes: fc.Arbitrary<Route> = granted.map((route) => ({
  ...route,
  placeholder: route.injection.kind === 'placeholder' ? (route.placeholder ?? 'p') : route.placeholder,
}));
const ungranted: fc.Arbitrary<KnownRoute> = fc.record({ status: fc.constant('not_granted'), credentialName: name, destinations });

test('a route survives the wire unchanged', () => {
  fc.assert(
    fc.property(fc.oneof(routes, ungranted), (route) => {
      const bytes = toBinary(RouteSchema, toProtoRoute(route));
      expect(fromProtoRoute(fromBinary(RouteSchema, bytes))).toEqual(route);
    }),
  );
});

const [sample] = fc.sample(routes, { numRuns: 1, seed: 1 });
if (sample === undefined) throw new Error('no sample');
const good = sample;
const destination = { scheme: 'https', hostPattern: 'api.example', port: 443 };

test.each([
  ['an unknown status', { status: 99 }],
  ['no status', { status: 0 }],
  ['no credential', { credentialId: '' }],
  ['no version', { version: 0 }],
  ['another scheme', { destinations: [{ ...destination, scheme: 'ftp' }] }],
  ['a scheme in another case', { destinations: [{ ...destination, scheme: 'HTTPS' }] }],
  ['port 0', { destinations: [{ ...destination, port: 0 }] }],
  ['a port past 65535', { destinations: [{ ...destination, port: 70_000 }] }],
  ['no injection', { injection: create(InjectionSchema) }],
  [
    'a placeholder that is replaced in a place nobody knows',
    {
      injection: create(InjectionSchema, {
        kind: { case: 'replace', value: { places: [PlaceholderPlace.PATH, PlaceholderPlace.UNSPECIFIED] } },
        placeholder: 'p',
      }),
    },
  ],
  [
    'no placeholder to replace',
    { injection: create(InjectionSchema, { kind: { case: 'replace', value: { places: [PlaceholderPlace.PATH] } } }) },
  ],
  ['another form of bodies', { destinations: [{ ...destination, body: 9 }] }],
])('a route with %s is refused, not guessed at', (_, change) => {
  expect(() => fromProtoRoute(Object.assign(toProtoRoute(good), change))).toThrow(AppError);
  expect(() => fromProtoRoute(toProtoRoute(good))).not.toThrow();
});

test('a revocation survives the wire; a tenant does not need its own id', () => {
  const seqs = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(
      seqs,
      fc.constantFrom('lease', 'grant', 'credential', 'agent'),
      fc.array(name, { minLength: 1, maxLength: 4 }),
      fc.constantFrom(...revocationReasons),
      (seq, scope, ids, reason) => {
        const event = { seq, scope, ids, reason };
        expect(fromProtoRevoked(fromBinary(RevokedSchema, toBinary(RevokedSchema, toProtoRevoked(event))))).toEqual(event);
      },
    ),
  );
  const tenant = { seq: 3, scope: 'tenant', ids: ['t1'], reason: 'killed' } as const;
  expect(fromProtoRevoked(toProtoRevoked(tenant))).toEqual({ ...tenant, ids: [] });
});

test('a revocation whose scope is unknown is refused; an unknown reason is not', () => {
  const event = toProtoRevoked({ seq: 1, scope: 'grant', ids: ['g'], reason: 'revoked' });
  expect(() => fromProtoRevoked(Object.assign({ ...event }, { scope: 77 }))).toThrow(AppError);
  expect(() => fromProtoRevoked({ ...event, scope: 0 })).toThrow(AppError);
  expect(() => fromProtoRevoked({ ...event, ids: [] })).toThrow(AppError);
  expect(fromProtoRevoked({ ...event, reason: 'because' }).reason).toBe('revoked');
});

test('a counter past 2^53-1 is refused, not rounded', () => {
  expect(fromUint64(2n ** 53n - 1n, 'seq')).toBe(Number.MAX_SAFE_INTEGER);
  expect(() => fromUint64(2n ** 53n, 'seq')).toThrow('seq is too large');
});
