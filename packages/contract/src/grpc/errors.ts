import { Metadata, status } from '@grpc/grpc-js';
import { AppError, type ErrorCode, isErrorCode } from '@leasehold/core';
import { unreachableBecause } from './unreachable.ts';

/** Trailing metadata: our code, and after how many seconds another try makes sense. */
export const errorCodeKey = 'leasehold-error';
export const retryAfterKey = 'leasehold-retry-after-s';

/** What other people's gRPC tools see. Our own side reads the code from the trailer. */
const statusOf = {
  no_route: status.PERMISSION_DENIED,
  no_grant: status.PERMISSION_DENIED,
  grant_expired: status.PERMISSION_DENIED,
  credential_suspended: status.PERMISSION_DENIED,
  agent_suspended: status.PERMISSION_DENIED,
  tenant_suspended: status.PERMISSION_DENIED,
  method_not_allowed: status.PERMISSION_DENIED,
  path_not_allowed: status.PERMISSION_DENIED,
  placeholder_misplaced: status.PERMISSION_DENIED,
  address_forbidden: status.PERMISSION_DENIED,
  lease_ended: status.PERMISSION_DENIED,
  lease_revoked: status.PERMISSION_DENIED,
  rate_limited: status.RESOURCE_EXHAUSTED,
  identity_missing: status.UNAUTHENTICATED,
  identity_invalid: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  bad_request: status.INVALID_ARGUMENT,
  invalid_argument: status.INVALID_ARGUMENT,
  authority_mismatch: status.INVALID_ARGUMENT,
  headers_too_large: status.INVALID_ARGUMENT,
  body_too_large: status.INVALID_ARGUMENT,
  unsupported: status.UNIMPLEMENTED,
  not_found: status.NOT_FOUND,
  already_exists: status.ALREADY_EXISTS,
  conflict: status.ABORTED,
  upstream_unreachable: status.UNAVAILABLE,
  upstream_tls_failed: status.UNAVAILABLE,
  upstream_protocol_error: status.INTERNAL,
  upstream_timeout: status.DEADLINE_EXCEEDED,
  response_unreadable: status.DATA_LOSS,
  broker_unreachable: status.UNAVAILABLE,
  out_of_step: status.UNAVAILABLE,
  overloaded: status.RESOURCE_EXHAUSTED,
  store_unavailable: status.UNAVAILABLE,
  key_service_unavailable: status.UNAVAILABLE,
  value_unreadable: status.DATA_LOSS,
  internal: status.INTERNAL,
} satisfies Record<ErrorCode, status>;

export interface ErrorStatus {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** What goes to the other side: the code and the public message. The cause stays here (INV-15). */
export function toStatus(error: AppError): ErrorStatus {
  const metadata = new Metadata();
  metadata.set(errorCodeKey, error.code);
  if (error.retryAfterS !== undefined) metadata.set(retryAfterKey, String(Math.ceil(error.retryAfterS)));
  // grpc-js escapes the text by encodeURI, which throws on a lone surrogate.
  return { code: statusOf[error.code], details: error.message.toWellFormed(), metadata };
}

/** A failed call as an AppError. What carries no code that we know never came from a broker of ours, or never got there: `broker_unreachable`. */
export function fromServiceError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const metadata: unknown = thrown instanceof Error && 'metadata' in thrown ? thrown.metadata : undefined;
  const code = metadata instanceof Metadata ? textOf(metadata, errorCodeKey) : undefined;
  const details: unknown = thrown instanceof Error && 'details' in thrown ? thrown.details : undefined;
  if (code === undefined || !isErrorCode(code))
    return new AppError('broker_unreachable', unreachableBecause(details), { cause: thrown, retryAfterS: 1 });
  const retryAfterS = metadata instanceof Metadata ? secondsOf(textOf(metadata, retryAfterKey)) : undefined;
  return new AppError(code, typeof details === 'string' ? details : code, {
    cause: thrown,
    ...(retryAfterS !== undefined && { retryAfterS }),
  });
}

function textOf(metadata: Metadata, key: string): string | undefined {
  const [value] = metadata.get(key);
  return typeof value === 'string' ? value : undefined;
}

function secondsOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}
