/**
 * Everything that can go wrong, as one closed set. Each edge (agent HTTP, admin HTTP, gRPC, exit codes) maps it in one
 * `satisfies Record<ErrorCode, …>` table, so a new code does not compile until every edge knows it.
 */
export const errorCodes = [
  // Refused by policy.
  'no_route',
  'no_grant',
  'grant_expired',
  'credential_suspended',
  'agent_suspended',
  'tenant_suspended',
  'method_not_allowed',
  'path_not_allowed',
  'placeholder_misplaced',
  'address_forbidden',
  'lease_ended',
  'lease_revoked',
  'rate_limited',
  // Who is asking.
  'identity_missing',
  'identity_invalid',
  'forbidden',
  // Requests we do not understand, or will not guess at.
  'bad_request',
  'invalid_argument',
  'authority_mismatch',
  'headers_too_large',
  'body_too_large',
  'unsupported',
  'not_found',
  'already_exists',
  'conflict',
  // The other side.
  'upstream_unreachable',
  'upstream_tls_failed',
  'upstream_protocol_error',
  'upstream_timeout',
  'response_unreadable',
  // Ourselves; all of these fail closed.
  'broker_unreachable',
  'out_of_step',
  'overloaded',
  'store_unavailable',
  'key_service_unavailable',
  'value_unreadable',
  'internal',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

const known: ReadonlySet<string> = new Set(errorCodes);

/** Whether a string that came over a wire is one of our codes. */
export function isErrorCode(text: string): text is ErrorCode {
  return known.has(text);
}

export interface AppErrorOptions {
  /** The inner error: kept for logs' safe fields, never sent. */
  readonly cause?: unknown;
  /** Seconds after which trying again makes sense. */
  readonly retryAfterS?: number | undefined;
  /** `scheme://host:port` that a refused request was meant for. Public. */
  readonly destination?: string | undefined;
  /** The operator's command that would allow it. Public. */
  readonly hint?: string | undefined;
}

/** The one error type that crosses our layers. `message` is public: it says what happened and what to do next, and holds no secret. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly retryAfterS: number | undefined;
  readonly destination: string | undefined;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.retryAfterS = options.retryAfterS;
    this.destination = options.destination;
    this.hint = options.hint;
  }

  /** Any thrown value as an AppError; what is not one becomes `internal` with a public text that gives nothing away. */
  static from(thrown: unknown): AppError {
    if (thrown instanceof AppError) return thrown;
    return new AppError('internal', 'Leasehold failed to handle this request. Look up the request id in the logs.', { cause: thrown });
  }
}
