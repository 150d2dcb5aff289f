import { expect, test } from 'vitest';
import { createKeptConnections } from './kept-connections.ts';

test('no more connections are kept than may be, and one that is let go makes room', () => {
  const kept = createKeptConnections({ max: 2 });
  const letGo = kept.keep(() => undefined);
  expect(kept.keep(() => undefined)).toBeDefined();
  expect(kept.keep(() => undefined)).toBeUndefined();
  letGo?.();
  letGo?.();
  expect(kept.size).toBe(1);
  expect(kept.keep(() => undefined)).toBeDefined();
});

test('closing cuts each once, those that were let go not at all, and nothing is kept afterwards', () => {
  const kept = createKeptConnections({ max: 10 });
  const cuts: string[] = [];
  const letGo = kept.keep(() => cuts.push('let go'));
  kept.keep(() => cuts.push('a'));
  kept.keep(() => cuts.push('b'));
  letGo?.();
  kept.close();
  kept.close();
  expect(cuts).toEqual(['a', 'b']);
  expect(kept.keep(() => cuts.push('late'))).toBeUndefined();
  expect(kept.size).toBe(0);
});
