import { AppError } from '@leasehold/core';
import { beforeEach, expect, test } from 'vitest';
import { createReadiness } from './readiness.ts';

let nowMs: number;
let looks: PromiseWithResolvers<void>[];
let ready: ReturnType<typeof createReadiness>;

beforeEach(() => {
  nowMs = 0;
  looks = [];
  ready = createReadiness({
    clock: { now: () => ({ monoMs: nowMs, wallMs: nowMs }) },
    check: () => {
      const look = Promise.withResolvers<void>();
      looks.push(look);
      return look.promise;
    },
  });
});

test('however many ask, the store is asked once a second', async () => {
  const all = [ready(), ready(), ready()];
  looks[0]?.resolve();
  expect(await Promise.all(all)).toEqual([{ ready: true }, { ready: true }, { ready: true }]);
  nowMs = 999;
  expect(await ready()).toEqual({ ready: true });
  expect(looks).toHaveLength(1);
  nowMs = 1_000;
  const next = ready();
  looks[1]?.reject(new AppError('store_unavailable', 'The disk is full.'));
  expect(await next).toEqual({ ready: false, why: 'The disk is full.' });
});

test('a store that is back is seen at the next question', async () => {
  const bad = ready();
  looks[0]?.reject(new Error('what only a log may say'));
  expect(await bad).toMatchObject({ ready: false, why: expect.not.stringContaining('log may say') });
  const good = ready();
  looks[1]?.resolve();
  expect(await good).toEqual({ ready: true });
});
