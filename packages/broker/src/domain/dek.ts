/** A data-encryption key of one tenant and generation, as stored: wrapped by the KEK with AAD = tenant and DEK id. */
export interface WrappedDek {
  readonly id: string;
  readonly tenantId: string;
  /** From 1; the highest generation encrypts, all decrypt. */
  readonly generation: number;
  /** Which KEK wrapped it: a Cloud KMS resource name, or `local:` and the key file's id. */
  readonly kekId: string;
  readonly wrapped: Uint8Array;
  /** How many values were encrypted under it: a new generation is due long before 2^32 (NIST SP 800-38D section 8.3). */
  readonly encryptions: number;
  readonly createdAt: number;
}
