import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, errorCodes } from '@leasehold/core';
import { CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import { errorLines } from './error-lines.ts';

describe('what happened, and what to do', () => {
  test.each([
    [2, 'invalid_argument'],
    [3, 'no_grant'],
    [3, 'identity_invalid'],
    [3, 'forbidden'],
    [4, 'not_found'],
    [5, 'broker_unreachable'],
    [1, 'already_exists'],
    [1, 'internal'],
  ] as const)('exit code %i for %s', (code, error) => {
    expect(errorLines(new AppError(error, 'Something happened.')).code).toBe(code);
  });

  test.each(errorCodes)('%s takes two lines at least, whether its message says what to do or not', (code) => {
    for (const message of ['Something happened.', 'Something happened.\nDo this.', 'Something happened. Do this.']) {
      const lines = errorLines(new AppError(code, message)).text.trimEnd().split('\n');
      expect(lines.length).toBeGreaterThanOrEqual(2);
      expect(lines[0]).toBe('leasehold: Something happened.');
    }
  });

  test('an example in a message is not torn apart', () => {
    const { text } = errorLines(
      new AppError('invalid_argument', 'the template holds {value} once, such as "Authorization: Bearer {value}".'),
    );
    expect(text.split('\n')[0]).toContain('"Authorization: Bearer {value}"');
  });

  test('what was not expected shows nothing of itself', () => {
    const { code, text } = errorLines(new TypeError('sk-secret in a message'));
    expect(code).toBe(1);
    expect(text).not.toMatch(/sk-secret|TypeError|^\s+at /m);
  });
});

describe('what this machine refuses', () => {
  test('is told in the words of the system, which name what it is about', async () => {
    const thrown = await readFile(join(import.meta.dirname, 'error-lines.ts', 'x')).catch((error: unknown) => error);
    const { code, text } = errorLines(thrown);
    expect([code, text]).toEqual([1, expect.stringMatching(/^leasehold: ENOTDIR: .*error-lines\.ts\/x'\.\n.+\n$/)]);
  });
});

describe('commands that are not understood', () => {
  test('a value that is none of ours is answered with those that are', () => {
    const message = "error: option '--discover-names <on|off>' argument 'sk-secret-1' is invalid. Allowed choices are on, off.";
    const { text } = errorLines(new CommanderError(1, 'commander.invalidArgument', message));
    expect(text).toMatch(/^leasehold: --discover-names takes one of these: on, off\.\n/);
  });

  test.each([
    ['commander.unknownOption', "error: unknown option '--value=sk-secret-1'"],
    ['commander.unknownOption', "error: unknown option '-sk-secret-1'"],
    ['commander.unknownOption', "error: unknown option '--sk-SECRET1'"],
    ['commander.unknownCommand', "error: unknown command 'sk-secret-1'"],
    ['commander.excessArguments', "error: too many arguments for 'add'. Expected 1 argument but got 2: x, sk-secret-1."],
    ['commander.invalidArgument', "error: option '--type <type>' argument 'sk-secret-1' is invalid."],
  ])('%s: what was typed is not repeated, since it may be a secret: %s', (code, message) => {
    const lines = errorLines(new CommanderError(1, code, message));
    expect(lines.code).toBe(2);
    expect(lines.text).not.toMatch(/sk-secret/i);
    expect(lines.text.trimEnd().split('\n')).toHaveLength(2);
  });

  test('a flag that is nearly one of ours is named, with the one that is meant', () => {
    const { text } = errorLines(new CommanderError(1, 'commander.unknownOption', "error: unknown option '--jsno'\n(Did you mean --json?)"));
    expect(text).toContain('no flag --jsno. Did you mean --json?');
  });
});
