import { expect, test } from 'vitest';
import { createInProcessSignal } from './in-process.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('every notify is followed by a wake-up of every listener; those of one turn may share it', async () => {
  const signal = createInProcessSignal();
  const heard = { a: 0, b: 0 };
  const ended = new AbortController();
  signal.subscribe(() => heard.a++, ended.signal);
  signal.subscribe(() => heard.b++, ended.signal);
  signal.notify();
  signal.notify();
  expect(heard).toEqual({ a: 0, b: 0 });
  await turn();
  expect(heard).toEqual({ a: 1, b: 1 });
  signal.notify();
  await turn();
  expect(heard).toEqual({ a: 2, b: 2 });
});

test('a notify from within a wake-up is not lost', async () => {
  const signal = createInProcessSignal();
  let heard = 0;
  signal.subscribe(() => {
    heard++;
    if (heard === 1) signal.notify();
  }, new AbortController().signal);
  signal.notify();
  await turn();
  expect(heard).toBe(2);
});

test('a listener that left hears nothing', async () => {
  const signal = createInProcessSignal();
  let heard = 0;
  const ended = new AbortController();
  signal.subscribe(() => heard++, ended.signal);
  signal.notify();
  ended.abort();
  signal.subscribe(() => heard++, ended.signal);
  await turn();
  expect(heard).toBe(0);
});
