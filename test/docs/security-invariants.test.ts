import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from '../structure/source-files.ts';
import { missingIn, readInvariants } from './invariants.ts';

const invariants = readInvariants();

test('the invariants are numbered without a gap', () => {
  expect(invariants.map(({ number }) => number)).toEqual(Array.from({ length: 15 }, (_, index) => index + 1));
});

test.each(invariants)('INV-$number names code and tests that are there', ({ upheld, tests }) => {
  expect(upheld.length).toBeGreaterThan(0);
  for (const path of upheld) expect([path, existsSync(join(root, path))]).toEqual([path, true]);
  for (const { file, name } of tests) expect(readFileSync(join(root, file), 'utf8')).toContain(name);
});

test.each(invariants)('INV-$number is marked in code that upholds it', ({ number, upheld }) => {
  const marked = upheld.filter((path) => new RegExp(`INV-${number}\\b`).test(readFileSync(join(root, path), 'utf8')));
  expect(marked.length).toBeGreaterThan(0);
});

describe('a test that is named', () => {
  const named = [{ number: 1, upheld: [], tests: [{ file: 'test/a.test.ts', name: 'a row that was %s is named' }] }];
  const ran = (name: string, fullName: string, status: string) => ({
    testResults: [{ name: `/somewhere/${name}`, assertionResults: [{ fullName, status }] }],
  });

  test('and ran and passed is not missing, whatever its table put into its name', () => {
    expect(missingIn(ran('test/a.test.ts', 'INV-13 a row that was changed is named', 'passed'), named)).toEqual([]);
  });

  test('and did not run, was skipped, failed, or ran elsewhere is missing', () => {
    expect(missingIn({ testResults: [] }, named)).toHaveLength(1);
    for (const status of ['failed', 'pending'])
      expect(missingIn(ran('test/a.test.ts', 'a row that was cut is named', status), named)).toHaveLength(1);
    expect(missingIn(ran('test/b.test.ts', 'a row that was cut is named', 'passed'), named)).toHaveLength(1);
  });
});
