/** A host as it is compared: lower case, A-labels, no final dot; IP addresses in their one canonical spelling, IPv6 without brackets. */
export type CanonicalHost = string;

/**
 * The canonical form, by the WHATWG URL host parser (https://url.spec.whatwg.org/#host-parsing), so that `0x7f.1`, `EXAMPLE.com.`
 * and `bücher.example` have one spelling each. Undefined for what is no host.
 */
export function canonicalHost(text: string): CanonicalHost | undefined {
  // What is canonical already, which is nearly every request; last labels that begin with a digit may be addresses and go the long way.
  if (isDnsLength(text) && plainHost.test(text) && !text.includes('xn--')) return text;
  if (text.includes(':')) return canonicalIpv6(text);
  if (/[\s/?#@\\%<>^|[\]]/.test(text)) return undefined;
  // The final dot of a fully qualified name; a second one is an empty label.
  const host = URL.parse(`http://${text}/`)?.hostname.replace(/\.$/, '') ?? '';
  return isDnsLength(host) && knownHost.test(host) ? host : undefined;
}

const plainHost = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z](?:[a-z0-9-]*[a-z0-9])?$/;
// What the URL parser leaves may still hold "*", "," or "$": no name that anybody resolves does. Underscores exist in the wild.
const knownHost = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/** RFC 1035 section 2.3.4. */
function isDnsLength(host: string): boolean {
  return host.length < 254 && (host.length < 64 || !/[^.]{64}/.test(host));
}

function canonicalIpv6(text: string): CanonicalHost | undefined {
  const inside = /^\[([^\]]*)\]$/.exec(text)?.[1] ?? text;
  return /^[0-9a-fA-F:.]+$/.test(inside) ? URL.parse(`http://[${inside}]/`)?.hostname.slice(1, -1) : undefined;
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
