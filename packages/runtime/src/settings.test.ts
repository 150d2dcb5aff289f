import { AppError } from '@leasehold/core';
import { expect, test } from 'vitest';
import { readSettings } from './settings.ts';

const specs = {
  'state-dir': { kind: 'text', about: 'where', fallback: undefined },
  port: { kind: 'port', about: 'listens', fallback: 7443 },
  'max-staleness': { kind: 'duration', about: 'bound', fallback: 3_000, min: 300, max: 60_000 },
  store: { kind: 'choice', about: 'kind', fallback: 'sqlite', choices: ['sqlite', 'postgres'] },
  quiet: { kind: 'flag', about: 'less', fallback: false },
  name: { kind: 'list', about: 'names', fallback: [] },
} as const;

const read = (argv: string[], env: Record<string, string> = {}) => readSettings(specs, { argv, env, envPrefix: 'LEASEHOLD_TEST_' });

test('flags win over the environment, which wins over the fallbacks', () => {
  const settings = read(['--port', '0', '--name', 'a,b', '--name=c', '--quiet'], {
    LEASEHOLD_TEST_PORT: '1',
    LEASEHOLD_TEST_MAX_STALENESS: '2s',
  });
  expect(settings).toEqual({
    'state-dir': undefined,
    port: 0,
    'max-staleness': 2_000,
    store: 'sqlite',
    quiet: true,
    name: ['a', 'b', 'c'],
  });
});

test('all problems are listed at once, and nothing is clamped or guessed', () => {
  const run = () =>
    read(['--port', '8o80', '--max-staleness', '1ms', '--store', 'mongo', '--nonsense', 'x', 'stray', '--state-dir', ''], {
      LEASEHOLD_TEST_TYPO: '1',
    });
  expect(run).toThrow(AppError);
  for (const part of [
    '"8o80"',
    'max-staleness: 1 is outside',
    '"mongo"',
    '--nonsense',
    '"stray"',
    'state-dir is empty',
    'LEASEHOLD_TEST_TYPO',
  ]) {
    expect(run).toThrow(part);
  }
});

test('a setting given twice is refused', () => {
  expect(() => read(['--port', '1', '--port', '2'])).toThrow('given twice');
});
