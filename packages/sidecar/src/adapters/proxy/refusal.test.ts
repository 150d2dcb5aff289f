import { AppError } from '@leasehold/core';
import { expect, test } from 'vitest';
import { refusalOf, unforeseen } from './refusal.ts';

test('what nobody foresaw is told to whoever logs, with the id that the agent was told, and nothing else is', () => {
  const heard: unknown[] = [];
  const listen = (message: unknown) => heard.push(message);
  unforeseen.subscribe(listen);
  refusalOf(new AppError('no_grant', 'No.'));
  const thrown = AppError.from(new Error('the cause'));
  const { body } = refusalOf(thrown);
  unforeseen.unsubscribe(listen);
  expect(body).not.toContain('cause');
  expect(heard).toEqual([{ request_id: JSON.parse(body).error.request_id, err: thrown }]);
});
