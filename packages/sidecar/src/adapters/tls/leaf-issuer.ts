import { randomBytes } from 'node:crypto';
import type { Leaf, LeafIssuer } from '../../ports/leaf-issuer.ts';
import { generateSigningKeys, type SigningKeys, signCertificate } from './certificate.ts';

export interface LeafIssuerOptions {
  /** Wall clock, ms. */
  readonly now: () => number;
  /** The CA certificates that agents are to trust: told at once, and again when a new one comes beside the old one. */
  readonly onAuthorities: (certsPem: readonly string[]) => void;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** How long a CA is good for, and for how long at its end the next one is trusted beside it: agents read their CA file when they start. */
export const authorityLifeMs: number = 90 * dayMs;
export const authorityOverlapMs: number = 30 * dayMs;
const leafLifeMs = dayMs;
/** The agent's clock may lag. */
const backdateMs = hourMs;

/**
 * A CA of this process's own (THREATS 37): its key, and the one key of all leaves, are in memory alone and end with the process. Nothing is read
 * from disk, so nothing can be planted there.
 */
export function createLeafIssuer({ now, onAuthorities }: LeafIssuerOptions): LeafIssuer {
  const leafKeys = generateSigningKeys();
  const leafKeyPem = leafKeys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  let signing = createAuthority(now());
  let next: Authority | undefined;
  onAuthorities([signing.certPem]);

  function authorityAt(at: number): Authority {
    if (next === undefined && at >= signing.notAfterMs - authorityOverlapMs) {
      next = createAuthority(at);
      onAuthorities([signing.certPem, next.certPem]);
    }
    if (next !== undefined && at >= signing.notAfterMs - leafLifeMs) {
      signing = next;
      next = undefined;
    }
    return signing;
  }

  return {
    issue(host): Leaf {
      const at = now();
      const authority = authorityAt(at);
      const certPem = signCertificate({
        issuerName: authority.name,
        issuerKeys: authority.keys,
        // What the leaf is for is in its alternative name, which is all that anybody looks at.
        subjectName: 'Leasehold',
        subjectKeys: leafKeys,
        notBeforeMs: at - backdateMs,
        notAfterMs: at + leafLifeMs,
        host,
      });
      return { certPem, keyPem: leafKeyPem, renewAtMs: at + leafLifeMs / 2 };
    },
  };
}

interface Authority {
  readonly name: string;
  readonly keys: SigningKeys;
  readonly certPem: string;
  readonly notAfterMs: number;
}

function createAuthority(at: number): Authority {
  // A name of its own, so that two in one trust store are never taken for each other.
  const name = `Leasehold sidecar CA ${randomBytes(4).toString('hex')}`;
  const keys = generateSigningKeys();
  const notAfterMs = at + authorityLifeMs;
  const certPem = signCertificate({
    issuerName: name,
    issuerKeys: keys,
    subjectName: name,
    subjectKeys: keys,
    notBeforeMs: at - backdateMs,
    notAfterMs,
    host: undefined,
  });
  return { name, keys, certPem, notAfterMs };
}
