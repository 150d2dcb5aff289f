import { expect, test } from 'vitest';
import { checkEnvironment } from './environment.ts';

const invalid = expect.objectContaining({ code: 'invalid_argument' });
const many = (count: number, value = ''): { name: string; value: string }[] =>
  Array.from({ length: count }, (_, index) => ({ name: `VARIABLE_${index}`, value }));

test('names in capitals with a fixed text, a placeholder or a base URL in it are taken', () => {
  checkEnvironment([
    { name: 'OPENAI_API_KEY', value: '{placeholder}' },
    { name: 'OPENAI_BASE_URL', value: '{base_url}/v1' },
    { name: '_X9', value: '' },
    { name: 'CONFIG', value: '{"key": "{placeholder}", "at": {}}' },
  ]);
  checkEnvironment(many(16));
});

test.each(['', 'lower', '9A', 'A-B', 'A B', 'A=B', 'Ä', 'A\n', 'A'.repeat(65)])('the name %j is refused', (name) => {
  expect(() => checkEnvironment([{ name, value: '' }])).toThrow(invalid);
});

test.each([
  'PATH',
  'LD_PRELOAD',
  'DYLD_INSERT_LIBRARIES',
  'NODE_OPTIONS',
  'PYTHONPATH',
  'BASH_ENV',
  'LEASEHOLD_DIR',
  'HTTPS_PROXY',
  'NO_PROXY',
])('%s, which changes what runs or where traffic goes, is refused', (name) => {
  expect(() => checkEnvironment([{ name, value: 'x' }])).toThrow(invalid);
});

test.each(['{value}', '{secret}', 'a\nb', 'a\0', 'ä'])('the value %j is refused', (value) => {
  expect(() => checkEnvironment([{ name: 'KEY', value }])).toThrow(invalid);
});

test('one variable twice, too many of them, or too much text is refused', () => {
  expect(() => checkEnvironment([...many(1), ...many(1)])).toThrow(invalid);
  expect(() => checkEnvironment(many(17))).toThrow(invalid);
  expect(() => checkEnvironment(many(2, 'x'.repeat(2_048)))).toThrow(invalid);
});
