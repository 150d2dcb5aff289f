import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { AppError, type BodyForm, type Destination, type Injection, type KnownRoute, type RouteStatus } from '@leasehold/core';
import {
  type DestinationSchema,
  BodyForm as ProtoBodyForm,
  type Destination as ProtoDestination,
  type Route as ProtoRoute,
  RouteStatus as ProtoRouteStatus,
  RouteSchema,
} from './gen/leasehold/v1/route_pb.ts';
import { fromProtoInjection, toProtoInjection } from './injection-wire.ts';
import { fromProtoLimits, toProtoLimits } from './limits-wire.ts';

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

const protoBodyForms = { json: ProtoBodyForm.JSON, form: ProtoBodyForm.FORM } satisfies Record<BodyForm, ProtoBodyForm>;

const bodyForms: ReadonlyMap<ProtoBodyForm, BodyForm | undefined> = new Map([
  [ProtoBodyForm.UNSPECIFIED, undefined],
  [ProtoBodyForm.JSON, 'json'],
  [ProtoBodyForm.FORM, 'form'],
]);

export function toProtoRoute(route: KnownRoute): ProtoRoute {
  if (route.status === 'not_granted') {
    const { credentialName, destinations } = route;
    return create(RouteSchema, {
      credentialName,
      status: ProtoRouteStatus.NOT_GRANTED,
      destinations: destinations.map(toProtoDestination),
    });
  }
  return create(RouteSchema, {
    credentialId: route.credentialId,
    credentialName: route.credentialName,
    grantId: route.grantId,
    version: route.version,
    status: statuses[route.status],
    destinations: route.destinations.map(toProtoDestination),
    injection: toProtoInjection(route.injection, route.placeholder),
    ...toProtoLimits(route.limits),
    ratePerMinute: route.limits.ratePerMinute ?? 0,
    environment: route.environment.map(({ name, value }) => ({ name, value })),
    service: route.service ?? '',
  });
}

/** Strict: a route that this side can't follow to the letter must not be followed at all. Throws AppError `internal`. */
export function fromProtoRoute(route: ProtoRoute): KnownRoute {
  if (route.status === ProtoRouteStatus.NOT_GRANTED) {
    const { credentialName, destinations } = route;
    return { status: 'not_granted', credentialName, destinations: destinations.map((each) => fromProtoDestination(each, credentialName)) };
  }
  const status = statusNames.get(route.status);
  if (status === undefined) unreadable(route.credentialId, `a status (${route.status}) that this version does not know`);
  if (route.credentialId === '' || route.grantId === '') unreadable(route.credentialId, 'no credential or no grant');
  if (route.version === 0) unreadable(route.credentialId, 'no version');
  return {
    credentialId: route.credentialId,
    credentialName: route.credentialName,
    grantId: route.grantId,
    version: route.version,
    status,
    destinations: route.destinations.map((destination) => fromProtoDestination(destination, route.credentialId)),
    injection: injectionOf(route),
    placeholder: route.injection?.placeholder || undefined,
    environment: route.environment.map(({ name, value }) => ({ name, value })),
    service: route.service || undefined,
    limits: { ...fromProtoLimits(route), ratePerMinute: route.ratePerMinute || undefined },
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
    body: destination.body === undefined ? ProtoBodyForm.UNSPECIFIED : protoBodyForms[destination.body],
  };
}

function fromProtoDestination(destination: ProtoDestination, credentialId: string): Destination {
  const { scheme, hostPattern, port, methods, pathPrefixes, caPem, privateCidrs, body } = destination;
  if (scheme !== 'https' && scheme !== 'http') unreadable(credentialId, 'a scheme that this version does not know');
  if (hostPattern === '' || port < 1 || port > 65_535) unreadable(credentialId, 'a destination without host or port');
  if (!bodyForms.has(body)) unreadable(credentialId, 'a form of bodies that this version does not know');
  return { scheme, hostPattern, port, methods, pathPrefixes, caPem: caPem || undefined, privateCidrs, body: bodyForms.get(body) };
}

function injectionOf({ injection, credentialId }: ProtoRoute): Injection {
  return fromProtoInjection(injection) ?? unreadable(credentialId, 'an injection that this version does not know');
}

function unreadable(credentialId: string, what: string): never {
  throw new AppError(
    'internal',
    `The route to credential ${credentialId || '(none)'} has ${what}. Run the same version of broker and sidecar.`,
  );
}
