import { expect, test } from 'vitest';
import { keptNotes } from './kept-notes.ts';

const variables = [
  { credential: 'openai', name: 'OPENAI_API_KEY', value: 'sk-placeholder', isBaseUrl: false },
  { credential: 'openai', name: 'OPENAI_BASE_URL', value: 'http://127.0.0.1:1/openai', isBaseUrl: true },
];

test.each([
  ['OPENAI_API_KEY', /taken out of every call/],
  ['OPENAI_BASE_URL', /does not go to the base URL of openai/],
  ['https_proxy', /goes around the sidecar/],
  ['NODE_EXTRA_CA_CERTS', /does not trust the sidecar/],
  ['GIT_SSL_CAINFO', /does not trust the sidecar/],
  ['GRPC_DEFAULT_SSL_ROOTS_FILE_PATH', /does not trust the sidecar/],
  ['GIT_TERMINAL_PROMPT', /differently/],
])('that %s was kept is explained', (name, meaning) => {
  const found = new RegExp(`^${name} is set in your environment.*${meaning.source}`);
  expect(keptNotes([name], variables)).toEqual([{ found: expect.stringMatching(found), advice: expect.any(String) }]);
});
