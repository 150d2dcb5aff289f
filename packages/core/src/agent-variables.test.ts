import { expect, test } from 'vitest';
import { agentVariables } from './agent-variables.ts';

const openai = {
  credentialName: 'openai',
  placeholder: 'sk-1$&',
  environment: [
    { name: 'OPENAI_API_KEY', value: '{placeholder}' },
    { name: 'OPENAI_BASE_URL', value: '{base_url}/v1' },
    { name: 'OPENAI_ORG', value: 'acme' },
  ],
};

test('placeholders and base URLs are filled in, and the ones that hold a base URL are marked', () => {
  expect(agentVariables([openai], 'http://127.0.0.1:7480')).toEqual([
    { credential: 'openai', name: 'OPENAI_API_KEY', value: 'sk-1$&', isBaseUrl: false },
    { credential: 'openai', name: 'OPENAI_BASE_URL', value: 'http://127.0.0.1:7480/openai/v1', isBaseUrl: true },
    { credential: 'openai', name: 'OPENAI_ORG', value: 'acme', isBaseUrl: false },
  ]);
});

test('of two credentials that set one variable, the first by name does, in whatever order they were granted', () => {
  const other = { ...openai, credentialName: 'openai-eu', placeholder: 'sk-2' };
  for (const granted of [
    [openai, other],
    [other, openai],
  ])
    expect(agentVariables(granted, 'http://127.0.0.1:1').map(({ credential }) => credential)).toEqual(['openai', 'openai', 'openai']);
});

test('a variable whose placeholder is not there is left out', () => {
  const names = agentVariables([{ ...openai, placeholder: undefined }], 'http://127.0.0.1:1').map(({ name }) => name);
  expect(names).toEqual(['OPENAI_BASE_URL', 'OPENAI_ORG']);
});
