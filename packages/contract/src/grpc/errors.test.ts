import { Metadata, status } from '@grpc/grpc-js';
import { AppError, errorCodes } from '@leasehold/core';
import { expect, test } from 'vitest';
import { errorCodeKey, fromServiceError, retryAfterKey, toStatus } from './errors.ts';

function overTheWire(error: AppError): Error {
  return Object.assign(new Error('14 UNAVAILABLE'), toStatus(error));
}

test.each(errorCodes)('%s comes out on the other side as it went in', (code) => {
  const back = fromServiceError(overTheWire(new AppError(code, 'What to do next.', { retryAfterS: 3 })));
  expect([back.code, back.message, back.retryAfterS]).toEqual([code, 'What to do next.', 3]);
  expect(toStatus(back).code).not.toBe(status.OK);
});

test('the cause never leaves', () => {
  const { code, details, metadata } = toStatus(new AppError('store_unavailable', 'Try again.', { cause: new Error('canary-7f3a') }));
  expect(code).toBe(status.UNAVAILABLE);
  expect(JSON.stringify({ details, metadata: metadata.toJSON() })).not.toContain('canary-7f3a');
});

test('a policy refusal is no invitation to try again, an outage is', () => {
  expect(toStatus(new AppError('no_grant', '')).code).toBe(status.PERMISSION_DENIED);
  expect(toStatus(new AppError('identity_invalid', '')).code).toBe(status.UNAUTHENTICATED);
  expect(toStatus(new AppError('broker_unreachable', '')).code).toBe(status.UNAVAILABLE);
});

test('what carries no code of ours never reached a broker', () => {
  const foreign = new Metadata();
  foreign.set(errorCodeKey, 'made_up');
  for (const thrown of [
    Object.assign(new Error('x'), { code: 14, details: 'No connection', metadata: foreign }),
    new Error('x'),
    'x',
    null,
  ]) {
    const error = fromServiceError(thrown);
    expect([error.code, error.retryAfterS]).toEqual(['broker_unreachable', 1]);
    expect(error.message).not.toContain('No connection');
  }
});

test('a retry time that is no whole number of seconds is passed over', () => {
  const sent = overTheWire(new AppError('overloaded', 'Later.', { retryAfterS: 2 }));
  if (!('metadata' in sent) || !(sent.metadata instanceof Metadata)) throw new Error('no metadata');
  sent.metadata.set(retryAfterKey, '8o80');
  expect(fromServiceError(sent).retryAfterS).toBeUndefined();
});

test('a message with half a surrogate pair is still sent', () => {
  expect(() => encodeURI(toStatus(new AppError('not_found', 'no agent \ud800')).details)).not.toThrow();
});
