import type { ErrorCode } from '@leasehold/core';
import type { AnswerFlaw } from '../domain/tombstones.ts';
import type { LeaseEnding } from './lease-endings.ts';

/** What happened to leases, for metrics and logs. Holds no secret and nothing that an agent chose. */
export type LeaseEvent =
  | { readonly kind: 'issued'; readonly credentialId: string; readonly tookMs: number }
  | { readonly kind: 'acquire_failed'; readonly credentialId: string; readonly code: ErrorCode }
  | { readonly kind: 'renewed'; readonly credentialId: string }
  | { readonly kind: 'renew_failed'; readonly credentialId: string; readonly code: ErrorCode }
  | { readonly kind: 'discarded'; readonly credentialId: string; readonly flaw: AnswerFlaw }
  | { readonly kind: 'ended'; readonly credentialId: string; readonly how: LeaseEnding }
  | { readonly kind: 'cut'; readonly code: ErrorCode }
  /** A bug of whoever held something in flight: the cut went on for the others. */
  | { readonly kind: 'cut_failed'; readonly cause: unknown };

export type OnLeaseEvent = (event: LeaseEvent) => void;
