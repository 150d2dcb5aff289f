import { AppError } from '@leasehold/core';

/** What an agent is told that could not be recognized: one text for unknown, revoked and malformed proofs. */
export function identityInvalid(cause?: unknown): AppError {
  return new AppError(
    'identity_invalid',
    'This proof of identity is not valid. Check the agent token; an operator makes a new one with: leasehold agent rotate-token NAME',
    cause === undefined ? {} : { cause },
  );
}

export function identityMissing(): AppError {
  return new AppError(
    'identity_missing',
    'This gateway serves agents that prove who they are. Send the agent token in Proxy-Authorization: as the password of the proxy URL (http://agent:TOKEN@HOST:PORT), or as Bearer.',
  );
}

export function tooManyProofs(): AppError {
  return new AppError('overloaded', 'Too many identities are being proven. Try again in a moment.', { retryAfterS: 1 });
}

export function tooManyAgents(): AppError {
  return new AppError(
    'overloaded',
    'The gateway serves as many agents as it may. Try again in a moment, or have an operator raise --max-agents.',
    {
      retryAfterS: 5,
    },
  );
}
