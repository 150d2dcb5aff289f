import { AppError } from '@leasehold/core';

/** Longer than any token: what is longer is not worth decoding. */
const maxLength = 4_096;

/**
 * The agent token of `Proxy-Authorization`: the password of `Basic` (a proxy URL of http://agent:TOKEN@host:port), whose user name is for people
 * and not looked at, or a `Bearer` (RFC 7617, RFC 6750). Undefined when there is no such header; an empty text, which is nobody's token, when it
 * can't be read. Throws AppError `bad_request` when there are two: nobody should have to guess which one counts.
 */
export function readProxyAuthorization(rawHeaders: readonly string[]): string | undefined {
  let found: string | undefined;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.length !== 19 || name.toLowerCase() !== 'proxy-authorization') continue;
    if (found !== undefined) throw new AppError('bad_request', 'The request has two Proxy-Authorization headers. Send one.');
    found = rawHeaders[index + 1] ?? '';
  }
  return found === undefined ? undefined : tokenOf(found);
}

function tokenOf(value: string): string {
  if (value.length > maxLength) return '';
  const [, scheme = '', rest = ''] = /^([a-z]+) +(\S+) *$/i.exec(value) ?? [];
  if (scheme.toLowerCase() === 'bearer') return rest;
  if (scheme.toLowerCase() !== 'basic') return '';
  const decoded = Buffer.from(rest, 'base64').toString('latin1');
  const colon = decoded.indexOf(':');
  return colon === -1 ? '' : decoded.slice(colon + 1);
}
