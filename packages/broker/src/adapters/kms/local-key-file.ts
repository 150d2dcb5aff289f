import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '@leasehold/core';
import { createFileOnce, readPrivateFile } from '@leasehold/runtime';
import type { KeyService } from '../../ports/key-service.ts';

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const cipher = 'aes-256-gcm';

/**
 * A KEK in a file of 32 random bytes, mode 0600. It is made when it is missing *and* `mayCreate` says that nothing was wrapped yet;
 * never on a read error: a new key could not open what the old one closed.
 */
export async function openLocalKeyFile(path: string, mayCreate: boolean): Promise<KeyService> {
  await (mayCreate ? createIfMissing(path) : mustExist(path));
  const key = await readPrivateFile(path);
  if (key.byteLength !== keyBytes)
    throw new AppError(
      'invalid_argument',
      `The KEK file ${path} does not hold ${keyBytes} bytes. Restore it from its backup; without it nothing stored can be read.`,
    );
  // A fingerprint, so that data wrapped by another file is named as such.
  const kekId = `local:${createHash('sha256').update('leasehold/kek-id').update(key).digest('hex').slice(0, 16)}`;
  return {
    kekId,
    wrap: async (plaintext, aad) => {
      const nonce = randomBytes(nonceBytes);
      const encrypt = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes });
      encrypt.setAAD(aad);
      return Buffer.concat([nonce, encrypt.update(plaintext), encrypt.final(), encrypt.getAuthTag()]);
    },
    unwrap: async (wrapped, aad) => {
      const split = Math.max(wrapped.length - tagBytes, nonceBytes);
      let plaintext: Uint8Array | undefined;
      try {
        const decrypt = createDecipheriv(cipher, key, wrapped.subarray(0, nonceBytes), { authTagLength: tagBytes });
        decrypt.setAAD(aad);
        decrypt.setAuthTag(wrapped.subarray(split));
        plaintext = decrypt.update(wrapped.subarray(nonceBytes, split));
        decrypt.final();
        return plaintext;
      } catch (cause) {
        plaintext?.fill(0);
        throw new AppError(
          'value_unreadable',
          `A stored key does not open under the KEK in ${path}: it was changed, or wrapped by another KEK. Restore the database and KEK that belong together.`,
          { cause },
        );
      }
    },
    check: async () => undefined,
  };
}

async function createIfMissing(path: string): Promise<void> {
  const key = randomBytes(keyBytes);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await createFileOnce(path, key, 0o600);
  } catch (cause) {
    throw new AppError(
      'invalid_argument',
      `The KEK file ${path} can't be made (${codeOf(cause) ?? 'unknown reason'}). Check that this user may write to its directory, or set --kek-file.`,
      { cause },
    );
  } finally {
    key.fill(0);
  }
}

async function mustExist(path: string): Promise<void> {
  await lstat(path).catch((cause: unknown) => {
    if (codeOf(cause) !== 'ENOENT') return;
    throw new AppError(
      'invalid_argument',
      `The KEK file ${path} is missing, but the database holds data that was closed under it. Restore the file from its backup, or set --kek-file to where it is.`,
      { cause },
    );
  });
}

function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : undefined;
}
