import { appendFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import type { TestProject } from 'vitest/node';
import closingTable from './closing-table.ts';
import { noteNotRun } from './not-run.ts';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

test('with LEASEHOLD_RUN_ALL=1 nothing can be left out', () => {
  vi.stubEnv('LEASEHOLD_RUN_ALL', '1');
  expect(() => noteNotRun({ what: 'a client', reason: 'no runtime' })).toThrow('a client did not run');
});

test('the closing table names what was left out, once each, with the reason', async () => {
  let file = '';
  const project: Pick<TestProject, 'provide'> = {
    provide: (_, value) => {
      file = String(value);
    },
  };
  const close = await closingTable(project);
  const line = JSON.stringify({ what: 'Chromium', reason: 'not installed' });
  appendFileSync(file, `${line}\n${line}\n`);
  const printed = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  await close();
  expect(printed.mock.calls.flat()).toEqual(['\nNot run here (.ci/run runs all):\n  Chromium  not installed\n']);
});
