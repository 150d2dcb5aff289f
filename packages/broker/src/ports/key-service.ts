/**
 * Wraps small keys under a KEK that never leaves the service. Implementations: local key file, Google Cloud KMS.
 * Every failure is an AppError: `key_service_unavailable` (try again later) or `value_unreadable` (wrong AAD, changed bytes, other KEK, failed checksum).
 */
export interface KeyService {
  /** Names the KEK: `local:<id>`, or the Cloud KMS key's resource name. Stored beside what it wrapped. */
  readonly kekId: string;
  /** Encrypts at most 1 KiB; `aad` must be given again to unwrap. */
  wrap(plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array>;
  /** A fresh buffer that the caller owns and wipes. */
  unwrap(wrapped: Uint8Array, aad: Uint8Array): Promise<Uint8Array>;
  /** Resolves when the KEK can be used now. */
  check(): Promise<void>;
}
