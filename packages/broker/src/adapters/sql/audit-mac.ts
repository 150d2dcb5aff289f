import { createHmac } from 'node:crypto';
import type { AuditMac } from './audit-chains.ts';

/**
 * Signs the heads of audit chains. Its key lies wrapped in the store that it signs for, so the store is opened first and the key comes
 * second; nothing can be signed before.
 */
export function createAuditMac(): { readonly sign: AuditMac; use(key: Uint8Array): void } {
  let key: Uint8Array | undefined;
  return {
    sign: (tenantId, seq, hash) => {
      if (key === undefined) throw new Error('the audit key is not loaded yet');
      return createHmac('sha256', key).update(`${tenantId}\n${seq}\n`).update(hash).digest();
    },
    use: (loaded) => {
      key = loaded;
    },
  };
}
