import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from './client.ts';
import type { Runtime } from './runtimes.ts';

const programs = join(import.meta.dirname, 'programs');

/** What pins packages, and how each file writes a pin. */
const pins = [
  { file: 'package.json', pin: (name: string) => `"${name}": "` },
  { file: 'python/requirements.txt', pin: (name: string) => `${name}==` },
  { file: 'go/go.mod', pin: (name: string) => `${name} v` },
];

/** The version of a client is its package's, else its runtime's. */
export async function versionOf({ carriedBy }: Client, runtime: Runtime): Promise<string> {
  if (carriedBy === undefined) return runtime.version;
  for (const { file, pin } of pins) {
    const [, after] = (await readFile(join(programs, file), 'utf8')).split(pin(carriedBy));
    if (after !== undefined) return /^[\w.-]+/.exec(after)?.[0] ?? '';
  }
  throw new Error(`nothing under test/clients/programs pins ${carriedBy}`);
}
