import type { Destination, EnvironmentVariable, Injection } from '@leasehold/core';

export const credentialTypes = ['api_key', 'oauth_token', 'db_password', 'service_account', 'basic'] as const;
export type CredentialType = (typeof credentialTypes)[number];

/** How and where a value may be used. The value itself is a SealedValue. */
export interface Credential {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  /** For people to filter by; changes nothing. */
  readonly type: CredentialType;
  readonly status: 'active' | 'suspended' | 'deleted';
  /** Current version of the value, from 1. */
  readonly version: number;
  readonly destinations: readonly Destination[];
  readonly injection: Injection;
  readonly placeholder: string | undefined;
  readonly environment: readonly EnvironmentVariable[];
  /** Name of the service template that it was made from. */
  readonly service: string | undefined;
  readonly maxTtlMs: number;
  readonly cutSeq: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A value at rest: AES-256-GCM under a tenant's DEK, bound by AAD to tenant, credential, version and key id (INV-12). */
export interface SealedValue {
  readonly tenantId: string;
  readonly credentialId: string;
  readonly version: number;
  readonly dekId: string;
  /** 96 bits. */
  readonly nonce: Uint8Array;
  /** Ciphertext and 128-bit tag. */
  readonly ciphertext: Uint8Array;
}
