import type { KeyManagementServiceClient } from '@google-cloud/kms';
import { AppError } from '@leasehold/core';
import type { KeyService } from '../../ports/key-service.ts';
import { crc32c } from './crc32c.ts';
import { Damaged, mayPass, NoClient, type Operation, toAppError } from './google-cloud-errors.ts';

export interface GoogleCloudKmsOptions {
  /** projects/P/locations/L/keyRings/R/cryptoKeys/K */
  readonly keyName: string;
  /** Makes the client on first use, and again when making it failed. */
  readonly client: () => Promise<Pick<KeyManagementServiceClient, 'encrypt' | 'decrypt'>>;
  /** Of one attempt, ms. */
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly pause: (ms: number) => Promise<void>;
  readonly random: () => number;
}

const keyNamePattern = /^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+$/;

type ClientOptions = ConstructorParameters<typeof KeyManagementServiceClient>[0];

/**
 * A client with the machine's default credentials (Workload Identity on GKE), unless `options` say otherwise.
 * Loaded only here: the library takes a third of a second.
 */
export async function loadGoogleCloudKms(options?: ClientOptions): Promise<KeyManagementServiceClient> {
  const { KeyManagementServiceClient } = await import('@google-cloud/kms');
  const client = new KeyManagementServiceClient(options);
  // Each call starts this by itself and lets its failure go unhandled, which would end the process: so the credentials are looked for here.
  await client.initialize();
  return client;
}

/**
 * A KEK in Google Cloud KMS. Every call carries AAD and the CRC32C of what it sends, and checks the CRC32C of what comes back
 * (https://cloud.google.com/kms/docs/data-integrity-guidelines).
 */
export function createGoogleCloudKms(options: GoogleCloudKmsOptions): KeyService {
  const { keyName: name, timeoutMs } = options;
  if (!keyNamePattern.test(name)) {
    throw new AppError(
      'invalid_argument',
      '--gcp-kms-key is no key name. Write projects/P/locations/L/keyRings/R/cryptoKeys/K, without a version.',
    );
  }
  let client: ReturnType<typeof options.client> | undefined;
  /** One client serves all calls; one that could not be made (a metadata server that is not up yet) is not kept. */
  async function kms() {
    client ??= options.client();
    try {
      return await client;
    } catch (cause) {
      client = undefined;
      throw new NoClient({ cause });
    }
  }

  async function wrap(plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    const [answer] = await (await kms()).encrypt(
      {
        name,
        plaintext,
        plaintextCrc32c: { value: crc32c(plaintext) },
        additionalAuthenticatedData: aad,
        additionalAuthenticatedDataCrc32c: { value: crc32c(aad) },
      },
      { timeout: timeoutMs, retry: null },
    );
    const ciphertext = toBytes(answer.ciphertext);
    if (
      !answer.name?.startsWith(`${name}/`) ||
      answer.verifiedPlaintextCrc32c !== true ||
      answer.verifiedAdditionalAuthenticatedDataCrc32c !== true ||
      !matches(ciphertext, answer.ciphertextCrc32c)
    )
      throw new Damaged();
    return ciphertext;
  }

  async function unwrap(ciphertext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    const [answer] = await (await kms()).decrypt(
      {
        name,
        ciphertext,
        ciphertextCrc32c: { value: crc32c(ciphertext) },
        additionalAuthenticatedData: aad,
        additionalAuthenticatedDataCrc32c: { value: crc32c(aad) },
      },
      { timeout: timeoutMs, retry: null },
    );
    const plaintext = toBytes(answer.plaintext);
    if (matches(plaintext, answer.plaintextCrc32c)) return plaintext;
    plaintext.fill(0);
    throw new Damaged();
  }

  /** What may pass by itself is tried again, with a pause that spreads many brokers out. */
  async function persistently<T>(operation: Operation, work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (thrown) {
        if (!mayPass(thrown) || attempt >= options.attempts) throw toAppError(thrown, name, operation);
        await options.pause(100 * 2 ** attempt * (0.5 + options.random()));
      }
    }
  }

  return {
    kekId: name,
    wrap: (plaintext, aad) => persistently('wrap', () => wrap(plaintext, aad)),
    unwrap: (wrapped, aad) => persistently('unwrap', () => unwrap(wrapped, aad)),
    check: async () => {
      // Both ways: a broker that may encrypt and not decrypt could never read again what it writes.
      const aad = new TextEncoder().encode('leasehold/check');
      const wrapped = await persistently('wrap', () => wrap(new Uint8Array(16), aad));
      await persistently('unwrap', () => unwrap(wrapped, aad));
    },
  };
}

function matches(bytes: Uint8Array, checksum: { value?: unknown } | null | undefined): boolean {
  return checksum?.value !== undefined && checksum.value !== null && Number(checksum.value) === crc32c(bytes);
}

function toBytes(field: Uint8Array | string | null | undefined): Uint8Array {
  if (typeof field === 'string') return Buffer.from(field, 'base64');
  return field ?? new Uint8Array(0);
}
