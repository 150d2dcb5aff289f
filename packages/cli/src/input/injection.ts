import type { InjectionResource } from '@leasehold/contract/admin';
import { AppError, checkInjection, type Injection, placeholderPlaces } from '@leasehold/core';

/** The flags that say how the value goes on the wire. */
export interface InjectionFlags {
  readonly header?: string;
  readonly basic?: string;
  readonly query?: string;
  readonly pathSegment?: string;
  readonly replace?: string;
}

/** What the flags say, else what the template says. Throws AppError `invalid_argument`. */
export function injectionOf(
  { header, basic, query, pathSegment, replace }: InjectionFlags,
  ofTemplate: Injection | undefined,
): InjectionResource {
  const given = [
    ...(header === undefined ? [] : [headerInjection(header)]),
    ...(basic === undefined ? [] : [{ kind: 'basic' as const, username: basic }]),
    ...(query === undefined ? [] : [{ kind: 'query' as const, name: query }]),
    ...(pathSegment === undefined ? [] : [{ kind: 'path' as const, template: pathSegment }]),
    ...(replace === undefined ? [] : [{ kind: 'placeholder' as const, in: replace.split(',').map(placeOf) }]),
  ];
  const [injection = ofTemplate === undefined ? undefined : resourceOf(ofTemplate), ...more] = given;
  if (injection === undefined || more.length > 0) {
    throw new AppError(
      'invalid_argument',
      `say with exactly one of --header, --basic, --query, --path-segment and --replace how the value goes on the wire, such as --header 'Authorization: Bearer {value}'`,
    );
  }
  checkInjection(injection);
  return injection;
}

function resourceOf(injection: Injection): InjectionResource {
  return injection.kind === 'placeholder' ? { ...injection, in: [...injection.in] } : injection;
}

function headerInjection(text: string): InjectionResource {
  const colon = text.indexOf(':');
  if (colon === -1)
    throw new AppError('invalid_argument', "--header wants a name and a template, such as --header 'Authorization: Bearer {value}'");
  return { kind: 'header', name: text.slice(0, colon).trim(), template: text.slice(colon + 1).trim() };
}

function placeOf(text: string): (typeof placeholderPlaces)[number] {
  const place = placeholderPlaces.find((each) => each === text.trim());
  if (place === undefined)
    throw new AppError('invalid_argument', `--replace wants some of ${placeholderPlaces.join(',')}, such as --replace header,query`);
  return place;
}
