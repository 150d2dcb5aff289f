import type { KeyService } from '../ports/key-service.ts';
import type { KeyStore } from '../ports/store.ts';
import { encodeAad } from './aad.ts';

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
  const wrapped = await keys.brokerKey(name, () => keyService.wrap(randomBytes(32), aad));
  return keyService.unwrap(wrapped, aad);
}
