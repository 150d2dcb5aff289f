import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Mutation, mutations } from './mutations.ts';
import { copyTree } from './tree-copy.ts';

/**
 * Breaks the product in named ways, one at a time in a copy of the tree, and demands that the suite notices each:
 * `node test/mutation/main.ts [part of a name]`. Ends with exit code 1 when one survives, or no longer applies.
 */

const root = join(import.meta.dirname, '..', '..');
const modelRuns = 600;
/** The same for the unbroken tree: a test that is only slow must not pass for one that noticed. */
const hangsAfterMs = 20_000;

interface Outcome {
  readonly failed: readonly string[];
  readonly passed: number;
  readonly seconds: number;
}

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

function main(wanted: string): void {
  const chosen = mutations.filter(({ name }) => name.includes(wanted));
  const copy = copyTree(root);
  try {
    const whole = run(copy.dir, [...new Set(chosen.flatMap(({ tests }) => tests))]);
    if (whole.failed.length > 0) throw new Error(`these fail before anything is broken: ${whole.failed.join(', ')}`);
    say(`unbroken: ${whole.passed} tests pass in ${whole.seconds.toFixed(1)} s`);
    const survivors = chosen.filter((mutation) => !isNoticed(copy.dir, mutation));
    say(`${chosen.length - survivors.length} of ${chosen.length} ways to break the product were noticed`);
    if (survivors.length > 0) process.exitCode = 1;
  } finally {
    copy.remove();
  }
}

function isNoticed(dir: string, mutation: Mutation): boolean {
  const path = join(dir, mutation.file);
  const before = readFileSync(path, 'utf8');
  const times = before.split(mutation.find).length - 1;
  if (times !== 1) throw new Error(`"${mutation.name}" no longer applies: its text is ${times} times in ${mutation.file}`);
  writeFileSync(
    path,
    before.replace(mutation.find, () => mutation.replace),
  );
  // The first test that fails is enough.
  const { failed, seconds } = run(dir, mutation.tests, ['--bail=1']);
  writeFileSync(path, before);
  const verdict = failed.length > 0 ? 'noticed ' : 'SURVIVED';
  say(`${verdict} ${seconds.toFixed(1).padStart(6)} s  ${mutation.name}`);
  for (const name of failed.slice(0, 1)) say(`${' '.repeat(19)}by: ${name}`);
  return failed.length > 0;
}

/** A test file that does not even load is an error, and no test that failed: it would notice anything. */
function run(dir: string, tests: readonly string[], flags: readonly string[] = []): Outcome {
  const report = join(dir, 'report.json');
  // What is read below must not be what was told of the mutation before.
  rmSync(report, { force: true });
  const begin = performance.now();
  const vitest = join(dir, 'node_modules', 'vitest', 'vitest.mjs');
  const { stderr } = spawnSync(
    process.execPath,
    [vitest, 'run', '--maxWorkers=1', '--reporter=json', `--outputFile=${report}`, `--testTimeout=${hangsAfterMs}`, ...flags, ...tests],
    {
      cwd: dir,
      encoding: 'utf8',
      env: { ...process.env, LEASEHOLD_MODEL_RUNS: String(modelRuns), LEASEHOLD_MODEL_SEED: '1', LEASEHOLD_MODEL_SHRINK: '0' },
    },
  );
  const { testResults }: Report = JSON.parse(readFileSync(report, 'utf8'));
  const results = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = results.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
  const unloaded = tests.filter(
    (file) => !testResults.some(({ name, assertionResults }) => name.endsWith(file) && assertionResults.length > 0),
  );
  if (failed.length === 0 && unloaded.length > 0) throw new Error(`no test of ${unloaded.join(', ')} ran: ${stderr}`);
  return { failed, passed: results.length - failed.length, seconds: (performance.now() - begin) / 1_000 };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

main(process.argv[2] ?? '');
