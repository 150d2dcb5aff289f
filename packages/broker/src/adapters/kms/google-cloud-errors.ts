import { AppError } from '@leasehold/core';

export type Operation = 'wrap' | 'unwrap';

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

/** A checksum that does not fit: bytes were changed on the way. */
export class Damaged extends Error {
  constructor() {
    super('checksum mismatch');
  }
}

/** No client could be made: there are no credentials here, or not yet. */
export class NoClient extends Error {
  constructor(options: ErrorOptions) {
    super('no client', options);
  }
}

/** Whether trying again may help. */
export function mayPass(thrown: unknown): boolean {
  const code = codeOf(thrown);
  return thrown instanceof NoClient || isDamaged(thrown) || (code !== undefined && passing.has(code));
}

/** What an operator is told, with the next step. */
export function toAppError(cause: unknown, name: string, operation: Operation): AppError {
  const unavailable = (what: string) => new AppError('key_service_unavailable', what, { cause, retryAfterS: 5 });
  if (isDamaged(cause))
    return unavailable('Cloud KMS and this broker disagree on a checksum: bytes are damaged on the way. Check proxies between them.');
  if (cause instanceof NoClient)
    return unavailable(
      'This broker finds no Google credentials. On GKE give its service account Workload Identity; elsewhere see `gcloud auth`.',
    );
  switch (codeOf(cause)) {
    case status.invalidArgument:
      if (operation === 'wrap') return unavailable(`Cloud KMS can't encrypt with ${name}. Check that its purpose is ENCRYPT_DECRYPT.`);
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
    case status.resourceExhausted:
      return unavailable('Cloud KMS throttles this project. Leases in hand go on; raise the quota of cryptographic requests if it lasts.');
    default:
      return unavailable('Cloud KMS does not answer. Leases in hand go on; new ones wait for it.');
  }
}

function codeOf(thrown: unknown): number | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'number' ? thrown.code : undefined;
}

/** Cloud KMS names a checksum that does not fit what arrived as an invalid argument, like bytes that it can't open. */
function isDamaged(thrown: unknown): boolean {
  return thrown instanceof Damaged || (codeOf(thrown) === status.invalidArgument && /checksum|crc32c/i.test(String(thrown)));
}
