import { AppError } from './errors.ts';
import { canonicalHostPattern } from './host-pattern.ts';
import { isCidr } from './ip.ts';
import { checkPath } from './request-path.ts';

/** Where a credential may go. All fields are canonical: made by `parseDestination`, compared byte by byte. */
export interface Destination {
  readonly scheme: 'https' | 'http';
  /** Exact host, or `*.` and a host: exactly one label to the left (RFC 6125 section 6.4.3, left-most label only). */
  readonly hostPattern: string;
  readonly port: number;
  /** Upper-case methods; empty means every method. */
  readonly methods: readonly string[];
  /** Absolute canonical prefixes that end at a segment boundary; empty means every path. */
  readonly pathPrefixes: readonly string[];
  /** CA certificates (PEM) to trust in place of the system's; undefined means the system's. */
  readonly caPem: string | undefined;
  /** CIDR ranges, otherwise refused, that this destination may resolve to. */
  readonly privateCidrs: readonly string[];
  /** The form of bodies in which a placeholder is replaced; undefined means that bodies are never looked into. */
  readonly body: BodyForm | undefined;
}

export const bodyForms = ['json', 'form'] as const;
export type BodyForm = (typeof bodyForms)[number];

export interface DestinationOptions {
  readonly methods?: readonly string[];
  readonly pathPrefixes?: readonly string[];
  readonly caPem?: string | undefined;
  readonly privateCidrs?: readonly string[];
  readonly body?: BodyForm | undefined;
}

/**
 * A destination from `https://api.example.com`, `https://*.example.com:8443/v1` or, for plaintext and only if written so, `http://…`.
 * A path in the URL is one more path prefix. Throws one AppError `invalid_argument` that lists every problem.
 */
export function parseDestination(url: string, options: DestinationOptions = {}): Destination {
  const problems: string[] = [];
  const [, scheme, hostText = '', portText, pathText = ''] = /^(https?):\/\/(\[[^\]]*\]|[^/:?#@]*)(?::(\d+))?(\/[^?#]*)?$/.exec(url) ?? [];
  const hostPattern = canonicalHostPattern(hostText);
  if (scheme === undefined)
    // Not quoted: a URL written with a user and a password would show them.
    problems.push(
      'the destination is not understood: write https://host, https://*.host or https://host:port/path, without user, query or fragment.',
    );
  else if (hostPattern === undefined)
    problems.push(`"${hostText}" is no host: write an exact host, or "*." and a host with at least two labels.`);
  const port = portText === undefined ? (scheme === 'http' ? 80 : 443) : Number(portText);
  if (port < 1 || port > 65_535) problems.push(`port ${portText} is outside 1 to 65535.`);

  const methods = (options.methods ?? []).map((method) => method.toUpperCase());
  for (const method of methods) if (!isMethod(method)) problems.push(`"${method}" is no HTTP method.`);
  const pathPrefixes = [...(pathText === '' || pathText === '/' ? [] : [pathText]), ...(options.pathPrefixes ?? [])];
  for (const prefix of pathPrefixes)
    if (!isPathPrefix(prefix)) problems.push(`"${prefix}" is no path prefix: it begins with "/" and has no dot segments, query or "//".`);
  const privateCidrs = options.privateCidrs ?? [];
  for (const cidr of privateCidrs) if (!isCidr(cidr)) problems.push(`"${cidr}" is no address range: write it as 10.0.0.0/8 or fd00::/8.`);
  const caPem = options.caPem;
  if (caPem !== undefined && !/-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/.test(caPem))
    problems.push('the CA file holds no PEM certificate.');
  if (caPem?.includes('PRIVATE KEY') === true) problems.push('the CA file holds a private key: give the certificate alone.');

  if (problems.length > 0 || scheme === undefined || hostPattern === undefined) throw new AppError('invalid_argument', problems.join('\n'));
  return {
    scheme: scheme === 'http' ? 'http' : 'https',
    hostPattern,
    port,
    methods,
    pathPrefixes,
    caPem,
    privateCidrs,
    body: options.body,
  };
}

/** A method as policies write it (RFC 9110 section 9.1: case matters, and all registered ones are upper case). */
export function isMethod(text: string): boolean {
  return /^[A-Z][A-Z-]{0,31}$/.test(text) && text !== 'CONNECT' && text !== 'TRACE';
}

export function isPathPrefix(text: string): boolean {
  if (!text.startsWith('/') || text.includes('?') || text.includes('%')) return false;
  try {
    return checkPath(text) === text;
  } catch {
    return false;
  }
}
