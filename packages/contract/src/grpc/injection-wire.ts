import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Injection, PlaceholderPlace } from '@leasehold/core';
import { type InjectionSchema, type Injection as ProtoInjection, PlaceholderPlace as ProtoPlace } from './gen/leasehold/v1/route_pb.ts';

const places = {
  header: ProtoPlace.HEADER,
  query: ProtoPlace.QUERY,
  path: ProtoPlace.PATH,
  body: ProtoPlace.BODY,
} satisfies Record<PlaceholderPlace, ProtoPlace>;

const placeNames: ReadonlyMap<ProtoPlace, PlaceholderPlace> = new Map([
  [ProtoPlace.HEADER, 'header'],
  [ProtoPlace.QUERY, 'query'],
  [ProtoPlace.PATH, 'path'],
  [ProtoPlace.BODY, 'body'],
]);

export function toProtoInjection(injection: Injection, placeholder: string | undefined): MessageInitShape<typeof InjectionSchema> {
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
    case 'path':
      return { case: 'path', value: { template: injection.template } };
    case 'placeholder':
      return { case: 'replace', value: { places: injection.in.map((place) => places[place]) } };
  }
}

/** Undefined for what this version does not know, or could follow only in part. */
export function fromProtoInjection(injection: ProtoInjection | undefined): Injection | undefined {
  const kind = injection?.kind;
  switch (kind?.case) {
    case 'header':
      return { kind: 'header', name: kind.value.name, template: kind.value.template };
    case 'basic':
      return { kind: 'basic', username: kind.value.username };
    case 'query':
      return { kind: 'query', name: kind.value.name };
    case 'path':
      return { kind: 'path', template: kind.value.template };
    case 'replace':
      return injection?.placeholder === '' ? undefined : fromPlaces(kind.value.places);
    default:
      return undefined;
  }
}

function fromPlaces(protoPlaces: readonly ProtoPlace[]): Injection | undefined {
  const known = protoPlaces.flatMap((place) => placeNames.get(place) ?? []);
  return known.length === 0 || known.length < protoPlaces.length ? undefined : { kind: 'placeholder', in: known };
}
