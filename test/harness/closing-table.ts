import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import type { NotRun } from './not-run.ts';

/** Vitest's global set-up: gives every test file a place to note what it left out, and lists it when all have ended. */
export default async function closingTable(project: Pick<TestProject, 'provide'>): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'leasehold-not-run-'));
  const file = join(dir, 'not-run.jsonl');
  project.provide('notRunFile', file);
  return async () => {
    const text = await readFile(file, 'utf8').catch(() => '');
    await rm(dir, { recursive: true, force: true });
    const lines = [...new Set(text.split('\n').filter((line) => line !== ''))];
    if (lines.length > 0) process.stdout.write(tableOf(lines.map((line): NotRun => JSON.parse(line))));
  };
}

function tableOf(left: readonly NotRun[]): string {
  const width = Math.max(...left.map(({ what }) => what.length));
  const rows = left.map(({ what, reason }) => `  ${what.padEnd(width)}  ${reason}`);
  return `\nNot run here (.ci/run runs all):\n${rows.join('\n')}\n`;
}
