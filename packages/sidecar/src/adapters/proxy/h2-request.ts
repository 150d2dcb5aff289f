import { AppError, type Authority, checkPath, formatAuthority, parseHostAndPort } from '@leasehold/core';
import type { AgentRequest } from '../../ports/agent-exchange.ts';

const maxHeaders = 100;
const maxHeaderBytes = 32_768;
const fieldName = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
const pseudoNames: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path']);
/** They speak of a connection, of which HTTP/2 has no place to speak (RFC 9113 section 8.2.2). */
const ofConnection: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/**
 * Makes a plain value of the head of an HTTP/2 stream. It must name the authority that its connection is for (INV-8); what Node's library has
 * checked already is checked again, since what passes here is written to HTTP/1.1 connections, too (THREATS 7). Throws AppError `bad_request`,
 * `authority_mismatch`, `headers_too_large` or `unsupported`.
 */
export function readH2Request(
  rawHeaders: readonly string[],
  body: AsyncIterable<Uint8Array> | undefined,
  authority: Authority,
): AgentRequest {
  const { pseudo, fields, host, contentLength } = readFields(rawHeaders);
  const method = pseudo.get(':method') ?? '';
  if (method === 'CONNECT') throw new AppError('unsupported', 'CONNECT is not served inside a tunnel. Send the request itself.');
  const path = pseudo.get(':path');
  if (path === undefined || pseudo.get(':scheme') !== authority.scheme)
    throw new AppError('bad_request', 'An HTTP/2 request has the pseudo-headers :method, :scheme https, :authority and :path.');
  const named = [pseudo.get(':authority'), host].filter((text) => text !== undefined);
  if (named.length === 0) throw new AppError('bad_request', 'The request names no authority. Send :authority.');
  for (const text of named) {
    const said = parseHostAndPort(text, authority.scheme);
    if (said.host !== authority.host || said.port !== authority.port)
      throw new AppError(
        'authority_mismatch',
        `This connection is for ${formatAuthority(authority)} alone, and the request names another authority. Open a connection for that one.`,
      );
  }
  const target = { way: 'proxy', ...authority, method, path: checkPath(path) } as const;
  return { protocol: 'h2', target, path, rawHeaders: fields, body, contentLength };
}

interface Fields {
  readonly pseudo: ReadonlyMap<string, string>;
  /** Flat, without pseudo-headers; cookies in one (RFC 9113 section 8.2.3). */
  readonly fields: readonly string[];
  readonly host: string | undefined;
  readonly contentLength: string | undefined;
}

function readFields(rawHeaders: readonly string[]): Fields {
  const pseudo = new Map<string, string>();
  const fields: string[] = [];
  const cookies: string[] = [];
  let host: string | undefined;
  let contentLength: string | undefined;
  let bytes = 0;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const value = rawHeaders[index + 1] ?? '';
    bytes += name.length + value.length;
    if (hasControls(value)) throw malformed();
    if (name.startsWith(':')) {
      if (!pseudoNames.has(name) || pseudo.has(name) || fields.length > 0) throw malformed();
      pseudo.set(name, value);
      continue;
    }
    if (!fieldName.test(name) || ofConnection.has(name) || (name === 'te' && value.toLowerCase() !== 'trailers')) throw malformed();
    if (name === 'host') host = once(host, value, 'host');
    else if (name === 'content-length') contentLength = once(contentLength, value, 'content-length');
    else if (name === 'cookie') cookies.push(value);
    else fields.push(name, value);
  }
  if (rawHeaders.length / 2 - pseudo.size > maxHeaders || bytes > maxHeaderBytes)
    throw new AppError(
      'headers_too_large',
      `The request has more than ${maxHeaders} headers or ${maxHeaderBytes} bytes of them. Send less.`,
    );
  if (cookies.length > 0) fields.push('cookie', cookies.join('; '));
  if (contentLength !== undefined && !/^\d{1,15}$/.test(contentLength)) throw malformed();
  return { pseudo, fields, host, contentLength };
}

/** What would end a line, or a string, for whoever reads the value next. */
function hasControls(value: string): boolean {
  return value.includes('\r') || value.includes('\n') || value.includes('\0');
}

function once(known: string | undefined, value: string, name: string): string {
  if (known !== undefined) throw new AppError('bad_request', `The request has two ${name} headers. Send one.`);
  return value;
}

function malformed(): AppError {
  return new AppError(
    'bad_request',
    'The head of this request is not valid HTTP/2, so it was not looked at any further. Check the client.',
  );
}
