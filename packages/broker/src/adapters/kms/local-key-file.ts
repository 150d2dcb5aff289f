import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { link, mkdir, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '@leasehold/core';
import { readPrivateFile } from '@leasehold/runtime';
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
  if (mayCreate) await createIfMissing(path);
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
      try {
        const decrypt = createDecipheriv(cipher, key, wrapped.subarray(0, nonceBytes), { authTagLength: tagBytes });
        decrypt.setAAD(aad);
        decrypt.setAuthTag(wrapped.subarray(wrapped.length - tagBytes));
        const plaintext = decrypt.update(wrapped.subarray(nonceBytes, wrapped.length - tagBytes));
        decrypt.final();
        return plaintext;
      } catch (cause) {
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

/** Written whole under another name first, so that a crash leaves either no key or all of it; never over an existing file. */
async function createIfMissing(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.new`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.write(randomBytes(keyBytes));
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(draft, path);
  } catch (cause) {
    const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code !== 'EEXIST')
      throw new AppError('invalid_argument', `The KEK file ${path} can't be made. Check that this user may write to its directory.`, {
        cause,
      });
  } finally {
    await unlink(draft);
  }
}
