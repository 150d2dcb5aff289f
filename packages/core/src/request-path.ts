import { AppError } from './errors.ts';

// Letters, digits, sub-delims without ";", and the other characters of RFC 3986 section 3.3 that mean the same to everybody; "%" is looked at apart.
const plainPath = /^(?:\/[A-Za-z0-9\-._~!$&'()*+,=:@%]*)+$/;
const plainQuery = /^[\x21\x24-\x7e]*$/;
// A segment of dots, also percent-encoded; an encoded slash, backslash, semicolon, NUL or control; a "%" that encodes nothing;
// a dot, slash or backslash encoded twice or as overlong UTF-8 (%c0, %c1: no valid text), for servers that decode once too often.
const ambiguous = /\/(?:\.|%2e){1,2}(?:\/|$)|\/\/|%(?:2f|5c|3b|[01][0-9a-f]|7f|c[01]|25(?:2e|2f|5c)|(?![0-9a-f]{2}))/i;

/**
 * Judges path and query before any policy does: what could mean different things to us and to the upstream is refused
 * (THREATS 6), and what passes is forwarded byte by byte. Returns the path without the query. Throws AppError `bad_request`.
 */
export function checkPath(pathAndQuery: string): string {
  const mark = pathAndQuery.indexOf('?');
  const path = mark === -1 ? pathAndQuery : pathAndQuery.slice(0, mark);
  if (!plainPath.test(path) || ambiguous.test(path)) {
    throw new AppError(
      'bad_request',
      'The path has dot segments, empty segments, ";", encoded slashes or control characters, which servers read in different ways. Send it in its plain form.',
    );
  }
  if (mark !== -1 && !plainQuery.test(pathAndQuery.slice(mark + 1))) {
    throw new AppError('bad_request', 'The query has characters that must be percent-encoded.');
  }
  return path;
}

/** Whether `path` lies below `prefix`, at a segment boundary: `/v1` covers `/v1` and `/v1/x`, not `/v10`. */
export function pathHasPrefix(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return path.length === prefix.length || prefix.endsWith('/') || path[prefix.length] === '/';
}
