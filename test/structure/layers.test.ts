import { posix } from 'node:path';
import { expect, test } from 'vitest';
import { sourceFiles } from './source-files.ts';

// Biome's import rules name folders from a file's own place; what they can't say (sibling adapters, calls) is said here.

const product = sourceFiles('packages/*.ts').filter(({ path }) => !/\.(test|suite)\.ts$|\/gen\//.test(path));

test('adapters never import each other', () => {
  const crossings = product.flatMap(({ path, text }) => {
    const [, own] = /^(packages\/\w+\/src\/adapters\/[\w-]+)\//.exec(path) ?? [];
    if (own === undefined) return [];
    const imported = [...text.matchAll(/from '(\.[^']+)'/g)].map(([, target]) => posix.join(posix.dirname(path), target ?? ''));
    return imported
      .filter((target) => target.includes('/src/adapters/') && !target.startsWith(`${own}/`))
      .map((target) => `${path} -> ${target}`);
  });
  expect(crossings).toEqual([]);
});

/** Where a secret may become readable bytes, and why. */
const mayReveal: Readonly<Record<string, string>> = {
  'packages/core/src/secret.ts': 'defines it',
  'packages/sidecar/src/app/loan.ts': 'makes of a lease what goes out and what must not come back',
};

test('a Secret is revealed only in the few files that have to', () => {
  const revealing = product.filter(({ text }) => text.includes('.reveal()')).map(({ path }) => path);
  expect(revealing.filter((path) => !Object.keys(mayReveal).some((allowed) => path.startsWith(allowed)))).toEqual([]);
});

test('the product logs through its logger and reads the environment in its mains alone', () => {
  const services = product.filter(({ path }) => /^packages\/(core|contract|broker|sidecar)\//.test(path));
  expect(services.filter(({ text }) => /\bprocess\.(stdout|stderr|env)\b|\bconsole\./.test(text)).map(({ path }) => path)).toEqual([]);
});

test('no file of the product has a name that says nothing', () => {
  expect(product.map(({ path }) => path).filter((path) => /(^|\/)(utils?|helpers?|common|misc|managers?)[./]/.test(path))).toEqual([]);
});
