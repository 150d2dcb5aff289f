import { AppError } from '@leasehold/core';
import type { KeyService } from '../ports/key-service.ts';
import type { KeyStore } from '../ports/store.ts';
import { encodeAad } from './aad.ts';

const keyBytes = 32;

/** A key that all replicas of a broker share: signs session tokens, or the heads of audit chains. Made once, stored wrapped by the KEK. */
export async function loadBrokerKey(
  {
    keys,
    keyService,
    randomBytes,
  }: { readonly keys: KeyStore; readonly keyService: KeyService; readonly randomBytes: (count: number) => Uint8Array },
  name: 'session' | 'audit',
): Promise<Uint8Array> {
  const aad = encodeAad('leasehold/broker-key', name);
  const wrapped = await keys.brokerKey(name, async () => {
    const draft = randomBytes(keyBytes);
    try {
      return await keyService.wrap(draft, aad);
    } finally {
      draft.fill(0);
    }
  });
  // What is stored may be another replica's: only the unwrapped one counts.
  const key = await keyService.unwrap(wrapped, aad);
  if (key.byteLength !== keyBytes)
    throw new AppError('value_unreadable', `The broker's ${name} key has the wrong length. Restore the database from a backup.`);
  return key;
}
