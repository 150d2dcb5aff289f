import { expect, test } from 'vitest';
import { createByteBudget } from './byte-budget.ts';

test('an owner has at most half, and what it gives back is free again', () => {
  const budget = createByteBudget(100);
  expect([budget.take('one', 50), budget.take('one', 1)]).toEqual([true, false]);
  budget.give('one', 10);
  expect(budget.take('one', 10)).toBe(true);
});

test('where all is taken, one that has less than its part still gets it, and no more', () => {
  const budget = createByteBudget(120);
  for (const owner of ['one', 'two']) budget.take(owner, 60);
  expect([budget.take('three', 41), budget.take('three', 40), budget.take('three', 1)]).toEqual([false, true, false]);
});
