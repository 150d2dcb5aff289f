import type { KeyManagementServiceClient } from '@google-cloud/kms';
import { AppError } from '@leasehold/core';
import type { KeyService } from '../../ports/key-service.ts';
import { crc32c } from './crc32c.ts';

export interface GoogleCloudKmsOptions {
  /** projects/P/locations/L/keyRings/R/cryptoKeys/K */
  readonly keyName: string;
  /** Makes the client on first use; `loadGoogleCloudKms` in production, one that reaches a double in tests. */
  readonly client: () => Promise<Pick<KeyManagementServiceClient, 'encrypt' | 'decrypt'>>;
  /** Of one attempt, ms. */
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly pause: (ms: number) => Promise<void>;
  readonly random: () => number;
}

const keyNamePattern = /^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+$/;

// https://grpc.io/docs/guides/status-codes/
const status = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
};
const passing: ReadonlySet<number> = new Set([
  status.deadlineExceeded,
  status.resourceExhausted,
  status.aborted,
  status.internal,
  status.unavailable,
]);

/** With the machine's default credentials (Workload Identity on GKE). Loaded only here: the library takes a third of a second. */
export async function loadGoogleCloudKms(): Promise<KeyManagementServiceClient> {
  const { KeyManagementServiceClient } = await import('@google-cloud/kms');
  return new KeyManagementServiceClient();
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
  const kms = () => {
    client ??= options.client();
    return client;
  };

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
      answer.verifiedPlaintextCrc32c !== true ||
      answer.verifiedAdditionalAuthenticatedDataCrc32c !== true ||
      !matches(ciphertext, answer.ciphertextCrc32c)
    )
      throw damaged();
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
    if (!matches(plaintext, answer.plaintextCrc32c)) throw damaged();
    return plaintext;
  }

  /** What may pass by itself is tried again, with a pause that spreads many brokers out. */
  async function persistently<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (thrown) {
        const code = codeOf(thrown);
        const mayPass = thrown instanceof Damaged || (code !== undefined && passing.has(code));
        if (!mayPass || attempt >= options.attempts) throw toAppError(thrown, name);
        await options.pause(100 * 2 ** attempt * (0.5 + options.random()));
      }
    }
  }

  return {
    kekId: name,
    wrap: (plaintext, aad) => persistently(() => wrap(plaintext, aad)),
    unwrap: (wrapped, aad) => persistently(() => unwrap(wrapped, aad)),
    check: async () => {
      const probe = new Uint8Array(16);
      const aad = new TextEncoder().encode('leasehold/check');
      await persistently(() => wrap(probe, aad));
    },
  };
}

class Damaged extends Error {}

function damaged(): Damaged {
  return new Damaged('checksum mismatch');
}

function matches(bytes: Uint8Array, checksum: { value?: unknown } | null | undefined): boolean {
  return checksum?.value !== undefined && checksum.value !== null && Number(checksum.value) === crc32c(bytes);
}

function toBytes(field: Uint8Array | string | null | undefined): Uint8Array {
  if (typeof field === 'string') return Buffer.from(field, 'base64');
  return field ?? new Uint8Array(0);
}

function codeOf(thrown: unknown): number | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'number' ? thrown.code : undefined;
}

function toAppError(cause: unknown, name: string): AppError {
  const unavailable = (what: string) => new AppError('key_service_unavailable', what, { cause, retryAfterS: 5 });
  if (cause instanceof Damaged)
    return unavailable('Cloud KMS and this broker disagree on a checksum: bytes are damaged on the way. Check proxies between them.');
  switch (codeOf(cause)) {
    case status.invalidArgument:
      return new AppError(
        'value_unreadable',
        'Cloud KMS can’t decrypt a stored key: it was changed, or belongs to another tenant or KEK. Restore the database from a backup.',
        { cause },
      );
    case status.notFound:
      return unavailable(`Cloud KMS has no key ${name}. Check --gcp-kms-key and the project.`);
    case status.permissionDenied:
    case status.unauthenticated:
      return unavailable(`This broker may not use ${name}. Give its service account roles/cloudkms.cryptoKeyEncrypterDecrypter.`);
    case status.failedPrecondition:
      return unavailable(`The key ${name} is disabled or destroyed. Enable a version of it in Cloud KMS.`);
    default:
      return unavailable('Cloud KMS does not answer. Leases in hand go on; new ones wait for it.');
  }
}
