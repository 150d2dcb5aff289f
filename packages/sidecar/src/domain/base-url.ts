import type { Authority } from '@leasehold/core';

/** The two names that one resource has for an agent that uses a base URL. */
export interface BaseUrlView {
  /** `http://127.0.0.1:PORT/<credential>`, which stands for … */
  readonly baseUrl: string;
  /** … the root of this authority. */
  readonly upstream: Authority;
  /** Of the request, with query, as the agent sent it: what relative references hang on. */
  readonly path: string;
}

/**
 * Rewrites, in place, what an answer's headers say of the upstream's own addresses, so that an agent that follows them comes back to us. Addresses
 * elsewhere stay as they are (INV-8: handed back, never followed).
 */
export function rewriteForBaseUrl(headers: string[], view: () => BaseUrlView): void {
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const rewrite = rewriters.get(headers[index] ?? '');
    if (rewrite !== undefined) headers[index + 1] = rewrite(headers[index + 1] ?? '', view());
  }
}

const rewriters: ReadonlyMap<string, (text: string, view: BaseUrlView) => string> = new Map([
  ['location', address],
  ['content-location', address],
  // Azure's long-running operations.
  ['operation-location', address],
  // RFC 8288: pages of a list.
  ['link', (text, view) => text.replace(/<([^<>]*)>/g, (_, target: string) => `<${address(target, view)}>`)],
  ['refresh', refresh],
  ['set-cookie', cookie],
]);

/** Longer than anybody's delay and `url`. */
const maxBeforeUrl = 64;

/** Seconds, then perhaps the address, perhaps in quotes (HTML, "shared declarative refresh steps"). Looked at from its ends: it may be as long as a head. */
function refresh(text: string, view: BaseUrlView): string {
  const start = text.indexOf('=') + 1;
  const before = text.slice(0, start);
  if (start === 0 || start > maxBeforeUrl || !/^[\s\d.]*[;,]?\s*url\s*=$/i.test(before)) return text;
  const target = text.slice(start).trim();
  const quote = target.length > 1 && /["']/.test(target.charAt(0)) && target.endsWith(target.charAt(0)) ? target.charAt(0) : '';
  return [before, quote, address(target.slice(quote.length, target.length - quote.length), view), quote].join('');
}

/** A URI reference (RFC 3986 section 4.1), resolved as a client of the upstream's would. */
function address(text: string, { baseUrl, upstream, path }: BaseUrlView): string {
  // What most say, kept byte by byte.
  if (/^\/(?!\/)/.test(text) && !climbs.test(text)) return baseUrl + text;
  const resolved = URL.parse(text, `${originOf(upstream)}${path}`);
  if (resolved === null) return text;
  if (isAt(resolved, upstream)) {
    const [, rest] = climbs.test(text) ? [] : (/^https?:\/\/[^/?#]*(.*)$/i.exec(text) ?? []);
    return baseUrl + (rest?.startsWith('/') === true ? rest : `${resolved.pathname}${resolved.search}${resolved.hash}`);
  }
  // `//host/path` takes the scheme of the page it stands on: that of the upstream, not ours.
  return /^[a-z][a-z0-9+.-]*:/i.test(text) ? text : resolved.href;
}

/** What a client resolves away could lead out of the base URL, to that of another credential. */
const climbs = /\\|\/(?:\.|%2e){1,2}(?:[/?#]|$)/i;

function isAt({ protocol, hostname, port, username, password }: URL, upstream: Authority): boolean {
  const isSameHost = hostname === bracketed(upstream.host);
  const actualPort = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
  return isSameHost && actualPort === upstream.port && protocol === `${upstream.scheme}:` && username === '' && password === '';
}

function originOf({ scheme, host, port }: Authority): string {
  return `${scheme}://${bracketed(host)}:${port}`;
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/**
 * A cookie (RFC 6265 section 4.1) that an agent keeps for the base URL of this credential and sends nowhere else: its domain is not the upstream's any
 * more, its path lies below the credential's name, and it must not ask for TLS where there is none.
 */
function cookie(text: string, { baseUrl }: BaseUrlView): string {
  const isPlain = baseUrl.startsWith('http:');
  const prefix = baseUrl.slice(baseUrl.lastIndexOf('/'));
  const [pair = '', ...attributes] = text.split(';');
  const kept = attributes.flatMap((attribute) => {
    const [name = '', value = ''] = attribute.split('=', 2).map((part) => part.trim());
    const lower = name.toLowerCase();
    if (lower === 'domain') return [];
    if (isPlain && (lower === 'secure' || lower === 'partitioned' || (lower === 'samesite' && value.toLowerCase() === 'none'))) return [];
    // Without a path that begins with "/", clients take the folder of the request, which lies below the name already.
    return lower === 'path' ? (value.startsWith('/') ? [` Path=${prefix}${value}`] : []) : [attribute];
  });
  return [pair, ...kept].join(';');
}
