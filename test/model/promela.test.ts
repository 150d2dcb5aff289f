import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noteNotRun } from '../harness/not-run.ts';

/** Every interleaving of revoke, acquire and what is in flight, by spin: what the model in virtual time only samples. */

const missing = ['spin', 'gcc'].filter((tool) => spawnSync(tool, ['-V']).error !== undefined);
const source = join(import.meta.dirname, 'promise.pml');
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'leasehold-spin-'));
  if (missing.length > 0)
    noteNotRun({
      what: 'the Promela model (test/model/promise.pml)',
      reason: `${missing.join(' and ')} missing: apt-get install spin gcc`,
    });
});
afterAll(() => rmSync(dir, { recursive: true }));

/** What the checker said at its end: how many errors, and whether it saw every state. */
function check(...flags: readonly string[]): { readonly errors: number; readonly isWhole: boolean; readonly said: string } {
  const options = { cwd: dir, encoding: 'utf8', maxBuffer: 16 * 1_024 * 1_024 } as const;
  execFileSync('spin', ['-a', ...flags, source], options);
  execFileSync('gcc', ['-O2', '-DSAFETY', '-DHC4', '-o', 'pan', 'pan.c'], options);
  const said = execFileSync(join(dir, 'pan'), ['-m2000000', '-w24'], options);
  const [, errors = 'none'] = /errors: (\d+)/.exec(said) ?? [];
  return { errors: Number(errors), isWhole: !/Search not completed|max search depth too small/.test(said), said };
}

describe.runIf(missing.length === 0)('revoke against acquire against what is in flight', () => {
  test('no interleaving breaks the promise', { timeout: 600_000 }, () => {
    const { errors, isWhole, said } = check();
    expect([errors, isWhole], said).toEqual([0, true]);
  });

  test.each([
    ['HEARTBEAT', 'heads that the broker sends by itself'],
    ['NOTOMB', 'a late answer that is kept'],
    ['HEADLAST', 'a head that is read after the parents'],
    ['NOCUT', 'a stream that a revocation leaves running'],
  ])('%s: %s is found to break it', { timeout: 120_000 }, (flag) => {
    const { errors, said } = check(`-D${flag}`);
    expect(errors, said).toBeGreaterThan(0);
  });
});
