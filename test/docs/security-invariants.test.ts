import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../structure/source-files.ts';

const page = readFileSync(join(root, 'docs', 'security-invariants.md'), 'utf8');

const rows = page
  .split('\n')
  .filter((line) => /^\| \d+ \|/.test(line))
  .map((line) => {
    const [, number = '', , upheld = '', test = ''] = line.split('|').map((cell) => cell.trim());
    const [, file = '', name = ''] = /^`([^`]+)` › (.+)$/.exec(test) ?? [];
    return { number: Number(number), upheld: [...upheld.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path), file, name };
  });

test('the invariants are numbered without a gap', () => {
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 15 }, (_, index) => index + 1));
});

test.each(rows)('INV-$number names code and a test that are there', ({ upheld, file, name }) => {
  expect(upheld.length).toBeGreaterThan(0);
  for (const path of upheld) expect([path, existsSync(join(root, path))]).toEqual([path, true]);
  expect(readFileSync(join(root, file), 'utf8')).toContain(name);
});
