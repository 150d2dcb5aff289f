import { beforeEach, expect, test } from 'vitest';
import type { ReadyCheck } from './ops-server.ts';
import { rememberReady } from './remembered-ready.ts';

let nowMs: number;
let looks: PromiseWithResolvers<Awaited<ReturnType<ReadyCheck>>>[];
let ready: ReadyCheck;
beforeEach(() => {
  nowMs = 5_000;
  looks = [];
  const check: ReadyCheck = () => {
    const look = Promise.withResolvers<Awaited<ReturnType<ReadyCheck>>>();
    looks.push(look);
    return look.promise;
  };
  ready = rememberReady(check, { now: () => ({ monoMs: nowMs, wallMs: nowMs }) }, 1_000);
});

test('however many ask, there is one look at a time, and one a second', async () => {
  const crowd = Array.from({ length: 100 }, () => ready());
  nowMs += 10_000;
  crowd.push(ready());
  expect(looks.length).toBe(1);
  looks[0]?.resolve({ ready: true });
  expect(await Promise.all(crowd)).toEqual(crowd.map(() => ({ ready: true })));
  nowMs += 999;
  expect(await ready()).toEqual({ ready: true });
  expect(looks.length).toBe(1);
});

test('what was seen is not believed for longer', async () => {
  const first = ready();
  looks[0]?.resolve({ ready: true });
  await first;
  nowMs += 1_000;
  const second = ready();
  looks[1]?.resolve({ ready: false, why: 'gone' });
  expect(await second).toEqual({ ready: false, why: 'gone' });
});

test('a look that failed is looked at again', async () => {
  const first = ready();
  looks[0]?.reject(new Error('broken'));
  await expect(first).rejects.toThrow('broken');
  nowMs += 1_000;
  void ready();
  expect(looks.length).toBe(2);
});
