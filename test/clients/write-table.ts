// Puts the table of test/clients/results.json between the README's markers: node test/clients/write-table.ts
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../structure/source-files.ts';
import { clients } from './clients.ts';
import { readResults } from './results.ts';
import { tableOf } from './table.ts';

const file = join(root, 'README.md');
const readme = await readFile(file, 'utf8');
const table = tableOf(clients, await readResults());
await writeFile(
  file,
  readme.replace(/(<!-- clients:begin -->\n)[\s\S]*?(<!-- clients:end -->)/, (_, begin, end) => `${begin}\n${table}\n\n${end}`),
);
