/** The checkout. Whether it is live is derived from its parents (see `leaseStatus`), never from `ended` alone. */
export interface Lease {
  readonly id: string;
  readonly tenantId: string;
  readonly agentId: string;
  readonly credentialId: string;
  readonly grantId: string;
  readonly version: number;
  /** Head of the revocation log, read before the parents were. */
  readonly issuedAtSeq: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly renewals: number;
  /** Book-keeping: why and when it was marked as ended. */
  readonly ended: { readonly how: 'expired' | 'revoked' | 'released'; readonly at: number } | undefined;
}

export type LeaseStatus = 'active' | 'expired' | 'revoked' | 'released';
