import { createCipheriv, createDecipheriv } from 'node:crypto';
import { AppError } from '@leasehold/core';
import type { SealedValue } from '../domain/credential.ts';
import { encodeAad } from './aad.ts';
import type { Keyring } from './keyring.ts';

/** What a sealed value is bound to. */
export interface ValueAddress {
  readonly tenantId: string;
  readonly credentialId: string;
  readonly version: number;
}

export interface Vault {
  /** Encrypts under the tenant's newest DEK; makes one when there is none. The caller wipes `value`. */
  seal(address: ValueAddress, value: Uint8Array): Promise<SealedValue>;
  /**
   * The value in a fresh buffer that the caller wipes.
   * Throws AppError `value_unreadable` when the row is not the one that was written (INV-12), `key_service_unavailable` when its DEK can't be unwrapped now.
   */
  open(sealed: SealedValue): Promise<Uint8Array>;
}

const cipher = 'aes-256-gcm';
const tagBytes = 16;

/** Envelope encryption: AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces; AAD = tenant, credential, version, key id. */
export function createVault({
  keyring,
  randomBytes,
}: {
  readonly keyring: Keyring;
  readonly randomBytes: (count: number) => Uint8Array;
}): Vault {
  return {
    seal: (address, value) =>
      keyring.withNewest(address.tenantId, ({ id: dekId, key }) => {
        const nonce = randomBytes(12);
        const encrypt = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes });
        encrypt.setAAD(aadOf(address, dekId));
        const ciphertext = Buffer.concat([encrypt.update(value), encrypt.final(), encrypt.getAuthTag()]);
        return { ...address, dekId, nonce, ciphertext };
      }),
    open: (sealed) =>
      keyring.withKey(sealed.tenantId, sealed.dekId, (key) => {
        let value: Uint8Array | undefined;
        try {
          const split = Math.max(sealed.ciphertext.length - tagBytes, 0);
          const decrypt = createDecipheriv(cipher, key, sealed.nonce, { authTagLength: tagBytes });
          decrypt.setAAD(aadOf(sealed, sealed.dekId));
          decrypt.setAuthTag(sealed.ciphertext.subarray(split));
          // A stream cipher: update gives all there is, in a buffer of its own.
          value = decrypt.update(sealed.ciphertext.subarray(0, split));
          decrypt.final();
          return value;
        } catch (cause) {
          // Unproven, but it may be most of the secret.
          value?.fill(0);
          throw new AppError(
            'value_unreadable',
            'The stored value does not belong to this credential and version, or was changed. Rotate the credential to store it anew.',
            { cause },
          );
        }
      }),
  };
}

function aadOf({ tenantId, credentialId, version }: ValueAddress, dekId: string): Uint8Array {
  return encodeAad('leasehold/value', tenantId, credentialId, String(version), dekId);
}
