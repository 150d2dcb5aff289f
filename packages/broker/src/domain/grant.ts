import type { GrantLimits } from '@leasehold/core';

/** One agent may lease one credential, within limits. At most one active grant for a pair. */
export interface Grant {
  readonly id: string;
  readonly tenantId: string;
  readonly agentId: string;
  readonly credentialId: string;
  readonly status: 'active' | 'revoked';
  readonly ttlMs: number;
  /** Wall-clock milliseconds of the database; undefined means no end. */
  readonly notAfter: number | undefined;
  readonly limits: GrantLimits;
  readonly cutSeq: number;
  readonly createdAt: number;
}
