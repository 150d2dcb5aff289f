import type { IncomingMessage } from 'node:http';
import { AppError, checkPath, isName, mustAgree, parseAbsoluteTarget, parseHostAndPort } from '@leasehold/core';
import type { Target } from '../../domain/route.ts';
import type { AgentRequest } from '../../ports/agent-exchange.ts';

const maxHeaders = 100;

/**
 * Makes a plain value of what came in: absolute-form (a client with `http_proxy`), or origin-form on the base URL. The authority is computed once,
 * and everything that names it must agree (INV-8). Throws AppError `bad_request`, `authority_mismatch` or `headers_too_large`.
 */
export function readAgentRequest(incoming: IncomingMessage, ownPort: number): AgentRequest {
  const { url = '', method = '', rawHeaders } = incoming;
  if (rawHeaders.length > maxHeaders * 2)
    throw new AppError('headers_too_large', `The request has more than ${maxHeaders} headers. Send fewer.`);
  const host = soleHost(rawHeaders);
  const { contentLength, hasBody } = framing(incoming);
  const common = { rawHeaders, body: hasBody ? incoming : undefined, contentLength };
  if (url.startsWith('/')) {
    mustBeOurs(host, ownPort);
    const { credentialName, path } = splitBaseUrl(url);
    return { target: { way: 'base-url', credentialName, method, path: checkPath(path) }, path, ...common };
  }
  const { path, ...authority } = parseAbsoluteTarget(url);
  mustAgree(authority, parseHostAndPort(host, authority.scheme));
  const target: Target = { way: 'proxy', ...authority, method, path: checkPath(path) };
  return { target, path, ...common };
}

/** RFC 9112 section 3.2: exactly one Host. */
function soleHost(rawHeaders: readonly string[]): string {
  let host: string | undefined;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.length !== 4 || name.toLowerCase() !== 'host') continue;
    if (host !== undefined) throw new AppError('bad_request', 'The request has two Host headers. Send one.');
    host = rawHeaders[index + 1] ?? '';
  }
  if (host === undefined) throw new AppError('bad_request', 'The request has no Host header. Send one.');
  return host;
}

function framing({ headers }: IncomingMessage): { readonly contentLength: string | undefined; readonly hasBody: boolean } {
  const contentLength = headers['content-length'];
  return { contentLength, hasBody: headers['transfer-encoding'] !== undefined || (contentLength !== undefined && contentLength !== '0') };
}

const loopbackNames: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '::1']);

/** A page in a browser on this machine can make names of its own resolve to loopback, but it can't choose the Host (DNS rebinding, THREATS 16). */
function mustBeOurs(host: string, ownPort: number): void {
  const authority = parseHostAndPort(host, 'http');
  if (loopbackNames.has(authority.host) && authority.port === ownPort) return;
  throw new AppError(
    'authority_mismatch',
    `The base URL is http://127.0.0.1:${ownPort}/<credential>/…, and the Host header must say so too.`,
  );
}

function splitBaseUrl(url: string): { readonly credentialName: string; readonly path: string } {
  const end = /[/?]/.exec(url.slice(1))?.index;
  const credentialName = end === undefined ? url.slice(1) : url.slice(1, end + 1);
  if (!isName(credentialName))
    throw new AppError('bad_request', 'A base URL begins with the name of a credential: http://127.0.0.1:PORT/<credential>/…');
  const rest = end === undefined ? '' : url.slice(end + 1);
  return { credentialName, path: rest.startsWith('/') ? rest : `/${rest}` };
}
