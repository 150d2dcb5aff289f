/** A host as it is compared: lower case, A-labels, no final dot; IP addresses in their one canonical spelling, IPv6 without brackets. */
export type CanonicalHost = string;

/**
 * The canonical form, by the WHATWG URL host parser (https://url.spec.whatwg.org/#host-parsing), so that `0x7f.1`, `EXAMPLE.com.`
 * and `bücher.example` have one spelling each. Undefined for what is no host.
 */
export function canonicalHost(text: string): CanonicalHost | undefined {
  // What is canonical already, which is nearly every request; all-numeric last labels are addresses and go the long way.
  if (text.length < 254 && /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z](?:[a-z0-9-]*[a-z0-9])?$/.test(text) && !text.includes('xn--'))
    return text;
  if (text === '' || /[\s/?#@\\%<>^|]/.test(text)) return undefined;
  const isIpv6 = text.includes(':');
  const bracketed = isIpv6 && !text.startsWith('[') ? `[${text}]` : text;
  const parsed = URL.parse(`http://${bracketed}/`);
  if (parsed === null || parsed.port !== '' || (isIpv6 && !/^\[[0-9a-fA-F:.]+\]$/.test(bracketed))) return undefined;
  const host = parsed.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  return host === '' || host.startsWith('.') || host.includes('..') ? undefined : host;
}

export function isIpLiteral(host: CanonicalHost): boolean {
  return host.includes(':') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host);
}

/**
 * The canonical pattern: an exact host, or `*.` and a host with at least two labels (RFC 6125 section 6.4.3: the left-most label only).
 * Undefined for what is neither.
 */
export function canonicalHostPattern(text: string): string | undefined {
  if (!text.startsWith('*.')) return text.includes('*') ? undefined : canonicalHost(text);
  const parent = canonicalHost(text.slice(2));
  if (parent === undefined || parent.includes('*') || isIpLiteral(parent) || !parent.includes('.')) return undefined;
  return `*.${parent}`;
}

/** Whether a canonical host matches a canonical pattern. `*.x.com` matches `a.x.com`, and neither `x.com` nor `a.b.x.com`. */
export function hostMatches(pattern: string, host: CanonicalHost): boolean {
  if (!pattern.startsWith('*.')) return pattern === host;
  const dot = host.indexOf('.');
  return dot > 0 && !isIpLiteral(host) && host.slice(dot + 1) === pattern.slice(2);
}

/** The one wildcard pattern that could match this host: what a table keyed by pattern is asked after the host itself. */
export function wildcardOf(host: CanonicalHost): string | undefined {
  const dot = host.indexOf('.');
  return dot > 0 && !isIpLiteral(host) ? `*.${host.slice(dot + 1)}` : undefined;
}
