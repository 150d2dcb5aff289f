import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { stepStream } from './step-stream.ts';

let ended: boolean;

beforeEach(() => {
  vi.useFakeTimers();
  ended = false;
});
afterEach(() => {
  vi.useRealTimers();
});

async function* steps() {
  try {
    for (let step = 1; ; step += 1) yield { step };
  } finally {
    ended = true;
  }
}

const open = () => stepStream({ steps: steps(), toResource: (step) => step, onFailure: () => {}, patienceMs: 1_000 });

test('a reader that reads no more ends the work, and the stream ends without a last step', async () => {
  const reader = (await open()).getReader();
  await reader.read();
  await vi.advanceTimersByTimeAsync(999);
  expect(ended).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(ended).toBe(true);
  await reader.read();
  expect(await reader.read()).toEqual({ done: true, value: undefined });
});

test('a reader that leaves while the next step is worked on leaves no timer behind', async () => {
  const second = Promise.withResolvers<object>();
  const work = async function* () {
    yield { step: 1 };
    yield await second.promise;
    yield { step: 3 };
  };
  const reader = (await stepStream({ steps: work(), toResource: (step) => step, onFailure: () => {} })).getReader();
  await reader.read();
  const left = reader.cancel();
  second.resolve({ step: 2 });
  await left;
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.getTimerCount()).toBe(0);
});

test('a slow reader is waited for as long as it reads', async () => {
  const reader = (await open()).getReader();
  for (let reads = 0; reads < 5; reads += 1) {
    expect((await reader.read()).done).toBe(false);
    await vi.advanceTimersByTimeAsync(900);
  }
  expect(ended).toBe(false);
  await reader.cancel();
  expect([ended, vi.getTimerCount()]).toEqual([true, 0]);
});
