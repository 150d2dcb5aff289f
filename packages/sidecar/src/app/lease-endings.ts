import { AppError, type RevocationReason } from '@leasehold/core';

/** How a lease came to its end in this sidecar, in the words that metrics use. */
export type LeaseEnding = 'expired' | 'revoked' | 'refused' | 'out_of_step' | 'evicted' | 'replaced' | 'released';

const revokedBecause: Record<RevocationReason, string> = {
  revoked: 'The grant or lease was revoked. Ask an operator for a new grant.',
  suspended: 'It was suspended. Try again once an operator has resumed it.',
  deleted: 'What it was lent from was deleted.',
  rotated: 'The credential was rotated. Try again: the next lease carries the new value.',
  narrowed: 'The grant was narrowed. Try again: the next lease is within its new limits.',
  token_rotated: 'The agent token was rotated. The sidecar needs the new one.',
  killed: 'An operator cut everything off.',
};

/** What the next lease mends is no denial: clients try again by themselves. */
const mendedByNext: ReadonlySet<RevocationReason> = new Set<RevocationReason>(['rotated', 'narrowed']);

export function revoked(reason: RevocationReason): AppError {
  const message = `The lease behind this request was revoked. ${revokedBecause[reason]}`;
  return mendedByNext.has(reason) ? new AppError('lease_ended', message, { retryAfterS: 1 }) : new AppError('lease_revoked', message);
}

export function expired(): AppError {
  return new AppError('lease_ended', 'The lease behind this request ran out and could not be renewed in time. Try again.');
}

export function outOfStep(): AppError {
  return new AppError('out_of_step', 'The sidecar is out of step with the broker, so it lends nothing. Try again in a moment.', {
    retryAfterS: 1,
  });
}

export function evicted(): AppError {
  return new AppError('overloaded', 'The sidecar holds more leases than it has room for. Try again.', { retryAfterS: 1 });
}

export function tooManyWaiting(): AppError {
  return new AppError('overloaded', 'Too many requests are waiting for the broker. Try again in a moment.', { retryAfterS: 1 });
}

export function stopping(): AppError {
  return new AppError('overloaded', 'The sidecar is stopping. Try again in a moment.', { retryAfterS: 1 });
}
