import type { RevocationScope } from '@leasehold/core';

/** What happened between the sidecar and the revocation log, for metrics and logs. */
export type FollowerEvent =
  | { readonly kind: 'connected'; readonly isResumed: boolean }
  | { readonly kind: 'disconnected'; readonly why: unknown }
  | { readonly kind: 'reset'; readonly why: string }
  | { readonly kind: 'purged'; readonly scope: RevocationScope }
  | { readonly kind: 'failed'; readonly cause: unknown };
