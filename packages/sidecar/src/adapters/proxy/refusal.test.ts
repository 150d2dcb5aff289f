import { AppError } from '@leasehold/core';
import { expect, test } from 'vitest';
import { grpcRefusalHead } from './grpc-refusal.ts';
import { refusalOf, unforeseen } from './refusal.ts';

test('what nobody foresaw is told to whoever logs, with the id that the agent was told, and nothing else is', () => {
  const heard: unknown[] = [];
  const listen = (message: unknown) => heard.push(message);
  unforeseen.subscribe(listen);
  refusalOf(new AppError('no_grant', 'No.'));
  const thrown = AppError.from(new Error('the cause'));
  const { body } = refusalOf(thrown);
  const grpcHead = grpcRefusalHead(thrown);
  unforeseen.unsubscribe(listen);
  expect(body + grpcHead).not.toContain('cause');
  const ids = [JSON.parse(body).error.request_id, grpcHead[grpcHead.indexOf('x-leasehold-request-id') + 1]];
  expect(heard).toEqual(ids.map((id) => ({ request_id: id, err: thrown })));
});
