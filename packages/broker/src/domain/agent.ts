/** A principal that may borrow. */
export interface Agent {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  readonly status: 'active' | 'suspended' | 'deleted';
  /** SHA-256 of the agent token (256 random bits, so no slow hash is needed). */
  readonly tokenHash: Uint8Array;
  /** Counts up with each new token; sessions opened with an older one are dead. */
  readonly tokenVersion: number;
  readonly cutSeq: number;
  readonly createdAt: number;
}
