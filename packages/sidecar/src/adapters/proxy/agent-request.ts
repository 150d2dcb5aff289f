import type { IncomingMessage } from 'node:http';
import {
  AppError,
  type Authority,
  checkPath,
  formatAuthority,
  isName,
  mustAgree,
  parseAbsoluteTarget,
  parseHostAndPort,
} from '@leasehold/core';
import type { AgentRequest } from '../../ports/agent-exchange.ts';
import type { Inbound } from './inbound.ts';
import { isOurName } from './our-name.ts';
import { readFraming } from './request-framing.ts';
import { refuseForeignPages } from './web-page.ts';

type Open = Extract<Inbound, { readonly kind: 'open' }>;

/**
 * Makes a plain value of what came in: absolute-form (a client with `http_proxy`), or origin-form on the base URL, in a tunnel or redirected. The
 * authority is computed once, and everything that names it must agree (INV-8). Throws AppError `bad_request`, `authority_mismatch`, `forbidden`, `headers_too_large` or `unsupported`.
 */
export function readAgentRequest(incoming: IncomingMessage, inbound: Inbound): AgentRequest {
  if (inbound.kind === 'misdirected') throw inbound.error;
  const { url = '', method = '', rawHeaders } = incoming;
  const { host, contentLength, isChunked } = readFraming(rawHeaders);
  if (host === undefined) throw new AppError('bad_request', 'The request has no Host header. Send one.');
  const body = isChunked || (contentLength !== undefined && contentLength !== '0') ? incoming : undefined;
  if (url.startsWith('/') && inbound.kind === 'open') {
    mustBeOurs(host, inbound);
    refuseForeignPages(rawHeaders, (authority) => isOurs(authority, inbound));
    const { credentialName, path } = splitBaseUrl(url);
    const target = { way: 'base-url', credentialName, method, path: checkPath(path) } as const;
    const baseUrl = `${'encrypted' in incoming.socket ? 'https' : 'http'}://${host}/${credentialName}`;
    return { protocol: 'http/1.1', target, path, rawHeaders, body, contentLength, baseUrl };
  }
  const { path, ...authority } = readAuthority(url, host, inbound);
  const target = { way: 'proxy', ...authority, method, path: checkPath(path) } as const;
  return { protocol: 'http/1.1', target, path, rawHeaders, body, contentLength };
}

/** Of a request that names one: by its target, by its Host, by the tunnel that it is in. */
function readAuthority(url: string, host: string, inbound: Inbound): Authority & { readonly path: string } {
  const settled = inbound.kind === 'tunnel' ? inbound.authority : undefined;
  const said = url.startsWith('/') ? { ...parseHostAndPort(host, settled?.scheme ?? 'http'), path: url } : parseAbsoluteTarget(url);
  if (!url.startsWith('/')) mustAgree(said, parseHostAndPort(host, said.scheme));
  if (settled === undefined) return said;
  if (settled.host !== said.host || settled.port !== said.port || settled.scheme !== said.scheme)
    throw new AppError(
      'authority_mismatch',
      `This connection is for ${formatAuthority(settled)} alone, and the request names another authority. Open a connection for that one.`,
    );
  return said;
}

/** A page in a browser on this machine can make names of its own resolve to loopback, but it can't choose the Host (DNS rebinding, THREATS 16). */
function mustBeOurs(host: string, inbound: Open): void {
  const { ownPort, ownNames } = inbound;
  // What nearly everybody writes.
  if (host === `127.0.0.1:${ownPort}` || isOurs(parseHostAndPort(host, 'http'), inbound)) return;
  const orNamed = ownNames.size > 0 ? ', or begins with a --proxy-name of this gateway' : '';
  throw new AppError(
    'authority_mismatch',
    `The base URL is http://127.0.0.1:${ownPort}/<credential>/…${orNamed}, and the Host header must say so too.`,
  );
}

function isOurs(authority: Authority, { ownPort, ownNames }: Open): boolean {
  return isOurName(authority, ownPort) || ownNames.has(authority.host);
}

function splitBaseUrl(url: string): { readonly credentialName: string; readonly path: string } {
  const end = /[/?]/.exec(url.slice(1))?.index;
  const credentialName = end === undefined ? url.slice(1) : url.slice(1, end + 1);
  if (!isName(credentialName))
    throw new AppError('bad_request', 'A base URL begins with the name of a credential: http://127.0.0.1:PORT/<credential>/…');
  const rest = end === undefined ? '' : url.slice(end + 1);
  return { credentialName, path: rest.startsWith('/') ? rest : `/${rest}` };
}
