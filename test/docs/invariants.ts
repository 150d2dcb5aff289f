import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../structure/source-files.ts';

/** A row of docs/security-invariants.md. */
export interface Invariant {
  readonly number: number;
  /** Files that uphold it. */
  readonly upheld: readonly string[];
  readonly tests: readonly NamedTest[];
}

export interface NamedTest {
  readonly file: string;
  /** As it stands in the file; `%s` and `$name` stand for what a table of cases puts there. */
  readonly name: string;
}

export function readInvariants(): readonly Invariant[] {
  const page = readFileSync(join(root, 'docs', 'security-invariants.md'), 'utf8');
  return page
    .split('\n')
    .filter((line) => /^\| \d+ \|/.test(line))
    .map((line) => {
      const [, number = '', , upheld = '', tests = ''] = line.split('|').map((cell) => cell.trim());
      return {
        number: Number(number),
        upheld: [...upheld.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path),
        tests: tests.split('<br>').map((each) => {
          const [, file = '', name = ''] = /^`([^`]+)` › (.+)$/.exec(each.trim()) ?? [];
          return { file, name };
        }),
      };
    });
}

/** What vitest's JSON reporter writes, as far as it is looked at. */
export interface Report {
  readonly testResults: readonly {
    /** Absolute path of the file. */
    readonly name: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** Named tests that did not run, or did not pass, in words. */
export function missingIn(report: Report, invariants: readonly Invariant[]): readonly string[] {
  return invariants.flatMap(({ number, tests }) =>
    tests.flatMap(({ file, name }) => {
      const pattern = new RegExp(
        name
          .split(/%s|\$\w+/)
          .map(escaped)
          .join('.*'),
      );
      const ran = report.testResults
        .filter((each) => each.name.endsWith(`/${file}`))
        .flatMap(({ assertionResults }) => assertionResults)
        .filter(({ fullName }) => pattern.test(fullName));
      if (ran.length === 0) return [`INV-${number}: "${name}" of ${file} did not run`];
      return ran.filter(({ status }) => status !== 'passed').map(({ fullName, status }) => `INV-${number}: "${fullName}" ${status}`);
    }),
  );
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
