import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createDiskRoom } from './disk-room.ts';

test('is enough from the least on, and looked at once a second', () => {
  let [now, free, looks] = [0, 100, 0];
  const look = () => {
    looks += 1;
    return free;
  };
  const room = createDiskRoom({ dir: '/', leastBytes: 100, look, elapsedMs: () => now });
  expect([room.isEnough(), room.freeBytes()]).toEqual([true, 100]);
  free = 99;
  now = 999;
  expect([room.isEnough(), looks]).toEqual([true, 1]);
  now = 1_000;
  expect([room.isEnough(), room.freeBytes(), looks]).toEqual([false, 99, 2]);
});

test('a real folder has some', () => {
  const dir = mkdtempSync(join(tmpdir(), 'leasehold-room-'));
  expect(createDiskRoom({ dir, leastBytes: 1 }).isEnough()).toBe(true);
  rmSync(dir, { recursive: true });
});

test('where the system does not say, the database has the word', () => {
  const room = createDiskRoom({ dir: '/nowhere/at/all', leastBytes: 1 });
  expect([room.freeBytes(), room.isEnough()]).toEqual([undefined, true]);
});
