import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { clients } from '../clients/clients.ts';
import { readResults } from '../clients/results.ts';
import { tableOf } from '../clients/table.ts';
import { root } from '../structure/source-files.ts';

const results = await readResults();

describe('the table of clients in the README', () => {
  test('is what write-table.ts makes of the last whole run', () => {
    const [, table] =
      /<!-- clients:begin -->\n\n([\s\S]*?)\n\n<!-- clients:end -->/.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? [];
    expect(table).toBe(tableOf(clients, results));
  });

  test('has every client of the matrix by every way that it has, and no other', () => {
    const ran = results.map(({ client, way }) => `${client}, way ${way}`);
    const listed = clients.flatMap(({ name, ways }) => ways.map((way) => `${name}, way ${way}`));
    expect(ran).toEqual(listed);
  });

  test('has no client with which a promise was broken', () => {
    expect(results.filter(({ isKept }) => !isKept)).toEqual([]);
  });
});
