import { PassThrough } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { gateBody } from './gated-body.ts';

test.each([
  ['closed', (body: PassThrough) => body.destroy()],
  ['broken by an error', (body: PassThrough) => body.destroy(new Error('reset'))],
])('a body that is %s before its end never looks whole', async (_, breakOff) => {
  const source = new PassThrough();
  source.on('error', () => undefined);
  const gated = gateBody(source, { refusal: () => undefined, left: () => undefined });
  const [ended, failed] = [vi.fn(), vi.fn()];
  gated
    .on('data', () => undefined)
    .on('end', ended)
    .on('error', failed);
  source.write('half of it');
  await nextTurn();
  breakOff(source);
  await nextTurn();
  await nextTurn();
  expect([ended.mock.calls.length, failed.mock.calls.length]).toEqual([0, 1]);
});
