import { AppError, type ErrorCode } from '@leasehold/core';

export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5;

/** 1 failed · 2 used wrongly · 3 refused by policy · 4 not found · 5 broker unreachable. */
export const exitCodeOf: Readonly<Record<ErrorCode, Exclude<ExitCode, 0>>> = {
  no_route: 3,
  no_grant: 3,
  grant_expired: 3,
  credential_suspended: 3,
  agent_suspended: 3,
  tenant_suspended: 3,
  method_not_allowed: 3,
  path_not_allowed: 3,
  address_forbidden: 3,
  lease_ended: 3,
  lease_revoked: 3,
  rate_limited: 3,
  identity_missing: 3,
  identity_invalid: 3,
  forbidden: 3,
  bad_request: 2,
  invalid_argument: 2,
  authority_mismatch: 2,
  headers_too_large: 2,
  unsupported: 2,
  not_found: 4,
  already_exists: 1,
  conflict: 1,
  upstream_unreachable: 1,
  upstream_tls_failed: 1,
  upstream_protocol_error: 1,
  upstream_timeout: 1,
  response_unreadable: 1,
  broker_unreachable: 5,
  out_of_step: 1,
  overloaded: 1,
  store_unavailable: 1,
  key_service_unavailable: 1,
  value_unreadable: 1,
  internal: 1,
};

const nextSteps: Readonly<Record<Exclude<ExitCode, 0>, string>> = {
  1: 'Look at the broker’s log, then try again.',
  2: 'Run the command with --help to see how it is used.',
  3: 'Ask an operator who may, or change the policy first.',
  4: 'List what there is with the `list` verb of the same noun.',
  5: 'Start the broker (leasehold dev), or check where the command looks for it.',
};

/** One line of what happened and one of what to do. Messages that bring their own second part keep it. */
export function errorLines(thrown: unknown): { readonly code: Exclude<ExitCode, 0>; readonly text: string } {
  const error = AppError.from(thrown);
  const code = exitCodeOf[error.code];
  const [what = '', ...rest] = error.message.split(/\n|(?<=[.:]) (?=[A-Z])/);
  const next = rest.length > 0 ? rest.join('\n') : nextSteps[code];
  return { code, text: `leasehold: ${what}\n${next}\n` };
}
