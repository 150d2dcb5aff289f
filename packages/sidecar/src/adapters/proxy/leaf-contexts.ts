import { createSecureContext, type SecureContext } from 'node:tls';
import { LRUCache } from 'lru-cache';
import type { LeafIssuer } from '../../ports/leaf-issuer.ts';

/** What TLS to a host is ended with. Ask only for hosts that a route allows: each has a certificate made for it (THREATS 38). */
export type LeafContexts = (host: string) => SecureContext;

export interface LeafContextsOptions {
  readonly issuer: LeafIssuer;
  readonly maxHosts: number;
  /** Wall clock, ms. */
  readonly now: () => number;
}

/** Kept for each host: making one costs more than the rest of a handshake, and a session ticket is good only where it was given. */
export function createLeafContexts({ issuer, maxHosts, now }: LeafContextsOptions): LeafContexts {
  const kept = new LRUCache<string, KeptContext>({ max: maxHosts });
  return (host) => {
    const known = kept.get(host);
    if (known !== undefined && now() < known.renewAtMs) return known.context;
    const { certPem, keyPem, renewAtMs } = issuer.issue(host);
    // The empty list of CAs: nobody's client certificate is asked for, so no trust store is loaded.
    const context = createSecureContext({ cert: certPem, key: keyPem, ca: [], minVersion: 'TLSv1.2' });
    kept.set(host, { context, renewAtMs });
    return context;
  };
}

interface KeptContext {
  readonly context: SecureContext;
  readonly renewAtMs: number;
}
