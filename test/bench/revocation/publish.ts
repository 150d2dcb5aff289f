// Writes the table and the plot of docs/performance.md from docs/measured/revocation.json, which the bench writes.
// `node test/bench/revocation/publish.ts`
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { plotOf } from './plot.ts';
import { type RevocationResults, tablesOf } from './results.ts';

const docs = join(import.meta.dirname, '..', '..', '..', 'docs');

export const publishedFiles = {
  measured: join(docs, 'measured', 'revocation.json'),
  page: join(docs, 'performance.md'),
  plot: join(docs, 'revocation.svg'),
} as const;

/** The page with its tables replaced, and the plot. */
export function published(page: string, results: RevocationResults): { readonly page: string; readonly plot: string } {
  const [before, after] = [page.split('<!-- revocation:begin -->')[0], page.split('<!-- revocation:end -->')[1]];
  if (before === undefined || after === undefined) throw new Error('docs/performance.md has no place for the revocation tables');
  return {
    page: `${before}<!-- revocation:begin -->\n${tablesOf(results)}\n<!-- revocation:end -->${after}`,
    plot: plotOf(results),
  };
}

if (import.meta.main) {
  const results: RevocationResults = JSON.parse(await readFile(publishedFiles.measured, 'utf8'));
  const { page, plot } = published(await readFile(publishedFiles.page, 'utf8'), results);
  await writeFile(publishedFiles.page, page);
  await writeFile(publishedFiles.plot, plot);
}
