import { createHmac } from 'node:crypto';

/** What the process that is killed and the test that looks afterwards have to agree on. */
export const tenantIds: readonly string[] = ['one', 'two', 'three'];

export function auditMac(tenantId: string, seq: number, hash: Uint8Array): Uint8Array {
  return createHmac('sha256', 'a key for this test').update(`${tenantId} ${seq} `).update(hash).digest();
}
