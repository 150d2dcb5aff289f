import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import type { KeyManagementServiceClient } from '@google-cloud/kms';
import {
  credentials,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { fromJSON, type PackageDefinition } from '@grpc/proto-loader';
import { crc32c } from '../../packages/broker/src/adapters/kms/crc32c.ts';

/** What the double does wrong. */
export type KmsFault =
  /** Answers with this gRPC status: UNAVAILABLE, RESOURCE_EXHAUSTED, PERMISSION_DENIED … */
  | { readonly kind: 'status'; readonly code: status }
  /** Never answers: the caller's deadline ends the call. */
  | { readonly kind: 'silent' }
  /** Changes a bit of what arrived, before it is looked at. */
  | { readonly kind: 'damaged-request' }
  /** Changes a bit of the answer after its checksum was taken. */
  | { readonly kind: 'damaged-answer' }
  /** Leaves the answer's checksum out. */
  | { readonly kind: 'no-checksum' }
  /** Says that it got no checksum of the plaintext, or of the AAD. */
  | { readonly kind: 'unverified'; readonly what: 'plaintext' | 'aad' }
  /** Says that another key was used. */
  | { readonly kind: 'other-key' };

export interface KmsDouble {
  readonly port: number;
  /** Two keys that exist. */
  readonly keyName: string;
  readonly otherKeyName: string;
  /** Calls that arrived since the start, failed ones included. */
  readonly calls: { encrypt: number; decrypt: number };
  /** The next `times` calls go wrong. */
  fail(fault: KmsFault, times?: number): void;
  /** What was going to fail works again. */
  heal(): void;
  setEnabled(keyName: string, isEnabled: boolean): void;
  /** For the client under test: plaintext to loopback, and credentials at hand, or it would go looking for a metadata server. */
  readonly clientOptions: NonNullable<ConstructorParameters<typeof KeyManagementServiceClient>[0]>;
  close(): Promise<void>;
}

interface Key {
  readonly bytes: Buffer;
  isEnabled: boolean;
}

interface Checksum {
  readonly value: string | number;
}

interface EncryptRequest {
  readonly name: string;
  readonly plaintext: Buffer;
  readonly additionalAuthenticatedData: Buffer;
  readonly plaintextCrc32c: Checksum | null;
  readonly additionalAuthenticatedDataCrc32c: Checksum | null;
}

interface DecryptRequest {
  readonly name: string;
  readonly ciphertext: Buffer;
  readonly additionalAuthenticatedData: Buffer;
  readonly ciphertextCrc32c: Checksum | null;
  readonly additionalAuthenticatedDataCrc32c: Checksum | null;
}

class Refusal extends Error {
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

const ring = 'projects/test/locations/global/keyRings/leasehold/cryptoKeys';

/**
 * Cloud KMS for tests: its Encrypt and Decrypt over gRPC on the protos that @google-cloud/kms ships, with real AES-256-GCM and real CRC32C
 * both ways. What it answers and refuses follows https://cloud.google.com/kms/docs/reference/rpc/google.cloud.kms.v1.
 */
export async function startKmsDouble(): Promise<KmsDouble> {
  const keyName = `${ring}/kek`;
  const otherKeyName = `${ring}/other`;
  const keys = new Map<string, Key>([keyName, otherKeyName].map((name) => [name, { bytes: randomBytes(32), isEnabled: true }]));
  const calls = { encrypt: 0, decrypt: 0 };
  let faults: KmsFault[] = [];

  function keyNamed(name: string): Key {
    const key = keys.get(name);
    if (key === undefined) throw new Refusal(status.NOT_FOUND, `CryptoKey ${name} not found.`);
    if (!key.isEnabled)
      throw new Refusal(status.FAILED_PRECONDITION, `${name}/cryptoKeyVersions/1 is not enabled, current state is: DISABLED.`);
    return key;
  }

  function encrypt(request: EncryptRequest, fault: KmsFault | undefined): object {
    const plaintext = arrived(request.plaintext, fault);
    verify('plaintext', plaintext, request.plaintextCrc32c);
    verify('additional_authenticated_data', request.additionalAuthenticatedData, request.additionalAuthenticatedDataCrc32c);
    if (plaintext.length === 0) throw new Refusal(status.INVALID_ARGUMENT, 'The plaintext must not be empty.');
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', keyNamed(request.name).bytes, nonce).setAAD(request.additionalAuthenticatedData);
    const ciphertext = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    return {
      name: `${fault?.kind === 'other-key' ? otherKeyName : request.name}/cryptoKeyVersions/1`,
      ciphertextCrc32c: checksumOf(ciphertext, fault),
      ciphertext: sent(ciphertext, fault),
      verifiedPlaintextCrc32c: request.plaintextCrc32c !== null && !(fault?.kind === 'unverified' && fault.what === 'plaintext'),
      verifiedAdditionalAuthenticatedDataCrc32c:
        request.additionalAuthenticatedDataCrc32c !== null && !(fault?.kind === 'unverified' && fault.what === 'aad'),
    };
  }

  function decrypt(request: DecryptRequest, fault: KmsFault | undefined): object {
    const ciphertext = arrived(request.ciphertext, fault);
    verify('ciphertext', ciphertext, request.ciphertextCrc32c);
    verify('additional_authenticated_data', request.additionalAuthenticatedData, request.additionalAuthenticatedDataCrc32c);
    const { bytes } = keyNamed(request.name);
    try {
      const decipher = createDecipheriv('aes-256-gcm', bytes, ciphertext.subarray(0, 12), { authTagLength: 16 });
      decipher.setAAD(request.additionalAuthenticatedData).setAuthTag(ciphertext.subarray(-16));
      const plaintext = Buffer.concat([decipher.update(ciphertext.subarray(12, -16)), decipher.final()]);
      return { plaintextCrc32c: checksumOf(plaintext, fault), plaintext: sent(plaintext, fault), usedPrimary: true };
    } catch {
      throw new Refusal(status.INVALID_ARGUMENT, 'Decryption failed: the ciphertext is invalid.');
    }
  }

  const served =
    <Request>(operation: keyof typeof calls, work: (request: Request, fault: KmsFault | undefined) => object) =>
    (call: ServerUnaryCall<Request, object>, answer: sendUnaryData<object>) => {
      calls[operation] += 1;
      const fault = faults.shift();
      if (fault?.kind === 'silent') return;
      try {
        if (fault?.kind === 'status') throw new Refusal(fault.code, `The double was told to answer ${status[fault.code]}.`);
        answer(null, work(call.request, fault));
      } catch (thrown) {
        const { code, message } = thrown instanceof Refusal ? thrown : new Refusal(status.INTERNAL, String(thrown));
        answer({ code, details: message });
      }
    };

  const server = new Server();
  server.addService(keyManagementService(), { encrypt: served('encrypt', encrypt), decrypt: served('decrypt', decrypt) });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    port,
    keyName,
    otherKeyName,
    calls,
    fail: (fault, times = 1) => faults.push(...Array.from({ length: times }, () => fault)),
    heal: () => {
      faults = [];
    },
    setEnabled: (name, isEnabled) => {
      keyNamedAnyway(keys, name).isEnabled = isEnabled;
    },
    clientOptions: {
      apiEndpoint: '127.0.0.1',
      port,
      sslCreds: credentials.createInsecure(),
      credentials: { client_email: 'broker@test.invalid', private_key: 'never used' },
    },
    close: async () => server.forceShutdown(),
  };
}

function keyNamedAnyway(keys: ReadonlyMap<string, Key>, name: string): Key {
  const key = keys.get(name);
  if (key === undefined) throw new Error(`the double has no key ${name}`);
  return key;
}

function keyManagementService(): ServiceDefinition {
  const protos = createRequire(import.meta.url)('@google-cloud/kms/build/protos/protos.json');
  const all: PackageDefinition = fromJSON(protos, { longs: String, defaults: true });
  const service = all['google.cloud.kms.v1.KeyManagementService'];
  if (service === undefined || 'format' in service) throw new Error('@google-cloud/kms ships no KeyManagementService');
  return service;
}

function verify(field: string, bytes: Buffer, checksum: Checksum | null): void {
  if (checksum !== null && Number(checksum.value) !== crc32c(bytes))
    throw new Refusal(status.INVALID_ARGUMENT, `The checksum in field ${field}_crc32c did not match the data in field ${field}.`);
}

function checksumOf(bytes: Buffer, fault: KmsFault | undefined): Checksum | null {
  return fault?.kind === 'no-checksum' ? null : { value: crc32c(bytes) };
}

function arrived(bytes: Buffer, fault: KmsFault | undefined): Buffer {
  return fault?.kind === 'damaged-request' ? flipped(bytes) : bytes;
}

function sent(bytes: Buffer, fault: KmsFault | undefined): Buffer {
  return fault?.kind === 'damaged-answer' ? flipped(bytes) : bytes;
}

function flipped(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  changed[0] = (changed[0] ?? 0) ^ 1;
  return changed;
}
