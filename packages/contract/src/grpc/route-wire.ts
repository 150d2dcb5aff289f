import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { AppError, type Destination, type Injection, type Route, type RouteStatus } from '@leasehold/core';
import {
  type DestinationSchema,
  type InjectionSchema,
  type Destination as ProtoDestination,
  type Injection as ProtoInjection,
  type Route as ProtoRoute,
  RouteStatus as ProtoRouteStatus,
  RouteSchema,
} from './gen/leasehold/v1/route_pb.ts';

const statuses = {
  active: ProtoRouteStatus.ACTIVE,
  credential_suspended: ProtoRouteStatus.CREDENTIAL_SUSPENDED,
  agent_suspended: ProtoRouteStatus.AGENT_SUSPENDED,
  tenant_suspended: ProtoRouteStatus.TENANT_SUSPENDED,
  grant_expired: ProtoRouteStatus.GRANT_EXPIRED,
} satisfies Record<RouteStatus, ProtoRouteStatus>;

const statusNames: ReadonlyMap<ProtoRouteStatus, RouteStatus> = new Map([
  [ProtoRouteStatus.ACTIVE, 'active'],
  [ProtoRouteStatus.CREDENTIAL_SUSPENDED, 'credential_suspended'],
  [ProtoRouteStatus.AGENT_SUSPENDED, 'agent_suspended'],
  [ProtoRouteStatus.TENANT_SUSPENDED, 'tenant_suspended'],
  [ProtoRouteStatus.GRANT_EXPIRED, 'grant_expired'],
]);

export function toProtoRoute(route: Route): ProtoRoute {
  return create(RouteSchema, {
    credentialId: route.credentialId,
    credentialName: route.credentialName,
    grantId: route.grantId,
    version: route.version,
    status: statuses[route.status],
    destinations: route.destinations.map(toProtoDestination),
    injection: toProtoInjection(route.injection, route.placeholder),
    methods: [...route.limits.methods],
    pathPrefixes: [...route.limits.pathPrefixes],
    ratePerMinute: route.limits.ratePerMinute ?? 0,
  });
}

/** Strict: a route that this side can't follow to the letter must not be followed at all. Throws AppError `internal`. */
export function fromProtoRoute(route: ProtoRoute): Route {
  const status = statusNames.get(route.status);
  if (status === undefined) throw unreadable(route.credentialId, `a status (${route.status}) that this version does not know`);
  if (route.credentialId === '' || route.grantId === '') throw unreadable(route.credentialId, 'no credential or no grant');
  if (route.version === 0) throw unreadable(route.credentialId, 'no version');
  return {
    credentialId: route.credentialId,
    credentialName: route.credentialName,
    grantId: route.grantId,
    version: route.version,
    status,
    destinations: route.destinations.map((destination) => fromProtoDestination(destination, route.credentialId)),
    injection: fromProtoInjection(route.injection, route.credentialId),
    placeholder: route.injection?.placeholder || undefined,
    limits: { methods: route.methods, pathPrefixes: route.pathPrefixes, ratePerMinute: route.ratePerMinute || undefined },
  };
}

function toProtoDestination(destination: Destination): MessageInitShape<typeof DestinationSchema> {
  return {
    scheme: destination.scheme,
    hostPattern: destination.hostPattern,
    port: destination.port,
    methods: [...destination.methods],
    pathPrefixes: [...destination.pathPrefixes],
    caPem: destination.caPem ?? '',
    privateCidrs: [...destination.privateCidrs],
  };
}

function fromProtoDestination(destination: ProtoDestination, credentialId: string): Destination {
  const { scheme, hostPattern, port, methods, pathPrefixes, caPem, privateCidrs } = destination;
  if (scheme !== 'https' && scheme !== 'http') throw unreadable(credentialId, 'a scheme that this version does not know');
  if (hostPattern === '' || port < 1 || port > 65_535) throw unreadable(credentialId, 'a destination without host or port');
  return { scheme, hostPattern, port, methods, pathPrefixes, caPem: caPem || undefined, privateCidrs };
}

function toProtoInjection(injection: Injection, placeholder: string | undefined): MessageInitShape<typeof InjectionSchema> {
  return { kind: toProtoKind(injection), placeholder: placeholder ?? '' };
}

function toProtoKind(injection: Injection): NonNullable<MessageInitShape<typeof InjectionSchema>['kind']> {
  switch (injection.kind) {
    case 'header':
      return { case: 'header', value: { name: injection.name, template: injection.template } };
    case 'basic':
      return { case: 'basic', value: { username: injection.username } };
    case 'query':
      return { case: 'query', value: { name: injection.name } };
  }
}

function fromProtoInjection(injection: ProtoInjection | undefined, credentialId: string): Injection {
  const kind = injection?.kind;
  switch (kind?.case) {
    case 'header':
      return { kind: 'header', name: kind.value.name, template: kind.value.template };
    case 'basic':
      return { kind: 'basic', username: kind.value.username };
    case 'query':
      return { kind: 'query', name: kind.value.name };
    default:
      throw unreadable(credentialId, 'an injection that this version does not know');
  }
}

function unreadable(credentialId: string, what: string): AppError {
  return new AppError(
    'internal',
    `The route to credential ${credentialId || '(none)'} has ${what}. Run the same version of broker and sidecar.`,
  );
}
