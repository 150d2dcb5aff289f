import { AppError, checkPath, isName, parseAbsoluteTarget } from '@leasehold/core';
import type { Target } from '@leasehold/sidecar/route';

export interface RequestToExplain {
  readonly target: Target;
  /** With query, as an agent would send it. */
  readonly path: string;
}

const loopback: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '::1']);

/**
 * A method and a URL as a sidecar would read them: the vendor's own URL, or one below a base URL. `isBound` says whether a credential is bound to that
 * host: then it is no base URL, though it be on loopback. Throws AppError `bad_request` for what a sidecar would not take either.
 */
export function requestToExplain(methodText: string, url: string, isBound: (host: string) => boolean): RequestToExplain {
  const method = methodText.toUpperCase();
  if (!/^[A-Z][A-Z-]{0,31}$/.test(method))
    throw new AppError(
      'invalid_argument',
      'The method is none.\nWrite the method first, and then the URL: leasehold explain GET https://…',
    );
  const hash = url.indexOf('#');
  const { path, ...authority } = parseAbsoluteTarget(hash === -1 ? url : url.slice(0, hash));
  if (authority.scheme === 'http' && loopback.has(authority.host) && !isBound(authority.host)) {
    const [, credentialName = '', rest = ''] = /^\/([^/?]*)(.*)$/.exec(path) ?? [];
    const below = rest.startsWith('/') ? rest : `/${rest}`;
    if (isName(credentialName)) return { target: { way: 'base-url', credentialName, method, path: checkPath(below) }, path: below };
  }
  return { target: { way: 'proxy', ...authority, method, path: checkPath(path) }, path };
}
