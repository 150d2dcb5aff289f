import { AppError } from './errors.ts';
import { canonicalHost } from './host-pattern.ts';

export interface Authority {
  readonly scheme: 'http' | 'https';
  /** Canonical. */
  readonly host: string;
  readonly port: number;
}

const defaultPorts = { http: 80, https: 443 } as const;

/**
 * Authority and path of an absolute-form request target (RFC 9112 section 3.2.2). The path is what follows, byte by byte.
 * Throws AppError `bad_request` for anything that could be read in two ways.
 */
export function parseAbsoluteTarget(target: string): Authority & { readonly path: string } {
  const [, scheme, hostAndPort, path] = /^(https?):\/\/([^/?#]*)(.*)$/i.exec(target) ?? [];
  if (scheme === undefined || hostAndPort === undefined || path === undefined) {
    throw new AppError(
      'bad_request',
      'The request target is no http:// or https:// URL. Send an absolute URL to the proxy, or use the base URL.',
    );
  }
  const known = scheme.toLowerCase() === 'https' ? 'https' : 'http';
  const authority = parseHostAndPort(hostAndPort, known);
  return { ...authority, path: path === '' ? '/' : path.startsWith('/') ? path : `/${path}` };
}

/** `host[:port]` of a Host header, a CONNECT target or `:authority` (RFC 3986 section 3.2). Throws AppError `bad_request`. */
export function parseHostAndPort(text: string, scheme: 'http' | 'https'): Authority {
  // Names are sent as A-labels: other letters arrive as bytes of an encoding that nobody declared.
  if (/[^\x21-\x7e]/.test(text)) throw badHost();
  const [, bracketed, plain, portText] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(text) ?? [];
  const host = bracketed === undefined ? canonicalHost(plain ?? '') : canonicalIpv6(bracketed);
  if (host === undefined) throw badHost();
  return { scheme, host, port: portText === undefined ? defaultPorts[scheme] : parsePort(portText) };
}

function badHost(): AppError {
  return new AppError('bad_request', 'The host of this request is no valid host name or address. Check the URL.');
}

function canonicalIpv6(text: string): string | undefined {
  return text.includes(':') ? canonicalHost(text) : undefined;
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new AppError('bad_request', 'The port of this request is no number from 1 to 65535. Check the URL.');
  return port;
}

/**
 * INV-8: everything that names the authority must name the same one. Compares host and port; the scheme is the connection's.
 * Throws AppError `authority_mismatch`.
 */
export function mustAgree(first: Authority, second: Authority): void {
  if (first.host === second.host && first.port === second.port) return;
  throw new AppError(
    'authority_mismatch',
    'The URL and the Host header name different authorities. Send the Host that belongs to the URL.',
  );
}

/** `https://host:port`, the port always written: for records and keys. */
export function formatAuthority({ scheme, host, port }: Authority): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
