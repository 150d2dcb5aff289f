import { AppError } from './errors.ts';

/** How a value goes on the wire. */
export type Injection =
  | { readonly kind: 'header'; readonly name: string /** Holds `{value}` exactly once. */; readonly template: string }
  | {
      readonly kind: 'basic' /** RFC 7617 user-id: no colon; or `{value}:` and a fixed password, where the value is the user-id. */;
      readonly username: string;
    }
  | { readonly kind: 'query'; readonly name: string }
  /** One path segment, ahead of the others or in the place of the agent's own. */
  | { readonly kind: 'path' /** Holds `{value}` exactly once. */; readonly template: string }
  /** The value takes the place of the credential's own placeholder, wherever that stands in these places. */
  | { readonly kind: 'placeholder'; readonly in: readonly PlaceholderPlace[] };

export const placeholderPlaces = ['header', 'query', 'path', 'body'] as const;
export type PlaceholderPlace = (typeof placeholderPlaces)[number];

const token = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/;
/** Headers that frame a message or name its target: a value there would change the request, not authorize it. */
const reserved =
  /^(?:host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|accept-encoding|date|via|forwarded|http2-settings|content-.*|proxy-.*|sec-websocket-.*|x-forwarded-.*|x-leasehold-.*)$/i;
const noControl = /^[\x20-\x7e]*$/;
/** What stands in a path segment as it is (RFC 3986 section 3.3), without ";", which servers read in different ways. */
const plainSegment = /^[A-Za-z0-9\-._~!$&'()*+,=:@]{0,128}$/;

/** Throws one AppError `invalid_argument` that lists every problem. */
export function checkInjection(injection: Injection): void {
  const problems: string[] = [];
  if (injection.kind === 'header') {
    if (!token.test(injection.name)) problems.push(`"${injection.name}" is no header name.`);
    else if (reserved.test(injection.name))
      problems.push(`the header ${injection.name} belongs to the connection and can't carry a credential.`);
    if (injection.template.split('{value}').length !== 2)
      problems.push('the header template must hold {value} exactly once, such as "Authorization: Bearer {value}".');
    if (!noControl.test(injection.template)) problems.push('the header template may hold printable ASCII only.');
  } else if (injection.kind === 'basic') {
    // RFC 7617 section 2: the user-id ends at the first colon.
    const fixed = injection.username.startsWith(valueFirst) ? injection.username.slice(valueFirst.length) : injection.username;
    if (!noControl.test(fixed) || fixed.includes(':'))
      problems.push('the user name for basic auth may hold printable ASCII without a colon.');
    if (fixed.includes('{value}'))
      problems.push('where the value is the user name for basic auth, write "{value}:" and then the password, which may be empty.');
    if (injection.username.length > 256) problems.push('the user name for basic auth is longer than 256 characters.');
  } else if (injection.kind === 'query') {
    if (!/^[A-Za-z0-9._~-]{1,64}$/.test(injection.name))
      problems.push(`"${injection.name}" is no query parameter name: use letters, digits and ". _ ~ -".`);
  } else if (injection.kind === 'path') {
    const parts = injection.template.split('{value}');
    if (parts.length !== 2 || !parts.every((part) => plainSegment.test(part)))
      problems.push('the path segment must hold {value} exactly once, and no "/", "%" or other special characters, such as "bot{value}".');
  } else if (injection.in.length === 0 || new Set(injection.in).size !== injection.in.length) {
    problems.push(`the placeholder is replaced nowhere, or twice in one place: name each of ${placeholderPlaces.join(', ')} once at most.`);
  }
  if (problems.length > 0) throw new AppError('invalid_argument', problems.join('\n'));
}

const valueFirst = '{value}:';

/** What basic auth encodes (RFC 7617 section 2): the value is the password, or the user-id where the user name says so. */
export function basicPair(username: string, value: string): string {
  return username.startsWith(valueFirst) ? `${value}:${username.slice(valueFirst.length)}` : `${username}:${value}`;
}

const minValueBytes = 8;
const maxValueBytes = 16_384;

/**
 * Judges a value before it is stored (THREATS 8). Never quotes it. Throws AppError `invalid_argument`.
 * Values are 8 bytes or more: a shorter one would stand in answers by chance, and scrubbing would eat them.
 */
export function checkValue(value: Uint8Array): void {
  const problem =
    value.byteLength === 0
      ? 'The value is empty.'
      : value.byteLength < minValueBytes
        ? `The value is shorter than ${minValueBytes} bytes, so answers could not be scrubbed of it safely. Use a longer one.`
        : value.byteLength > maxValueBytes
          ? `The value is longer than ${maxValueBytes} bytes.`
          : value.some((byte) => byte < 0x20 || byte > 0x7e)
            ? 'The value holds a line break, another control character or non-ASCII bytes, which can not go into a header. Check for a stray line end.'
            : value.at(0) === 0x20 || value.at(-1) === 0x20
              ? 'The value begins or ends with a space, which a header would lose on its way. Remove it.'
              : undefined;
  if (problem !== undefined) throw new AppError('invalid_argument', problem);
}
