import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { published, publishedFiles } from '../bench/revocation/publish.ts';

test('the tables and the plot of the performance page show what was measured last', () => {
  const page = readFileSync(publishedFiles.page, 'utf8');
  const results = JSON.parse(readFileSync(publishedFiles.measured, 'utf8'));
  expect(published(page, results)).toEqual({ page, plot: readFileSync(publishedFiles.plot, 'utf8') });
});
