import { describe, expect, test } from 'vitest';
import { fillTemplate } from './fill-template.ts';
import { parseTemplate, type ServiceTemplate } from './service-template.ts';

const template: ServiceTemplate = parseTemplate(
  {
    name: 'desk',
    title: 'Desk',
    category: 'crm',
    type: 'basic',
    docs: 'https://desk.example/docs',
    variables: [
      { name: 'subdomain', kind: 'label', about: 'subdomain', example: 'acme' },
      { name: 'email', kind: 'text', about: 'email', example: 'a@b.c' },
      { name: 'zone', kind: 'host', about: 'zone', example: 'eu.desk.example', default: 'desk.example' },
    ],
    destinations: [{ url: 'https://{subdomain}.{zone}/api' }],
    injection: { kind: 'basic', username: '{email}/token' },
    placeholder: 'pk-{random}',
    environment: { DESK_URL: '{base_url}/api', DESK_EMAIL: '{email}', DESK_KEY: '{placeholder}' },
  },
  'desk.json',
);

function fill(values: Record<string, string>): ReturnType<typeof fillTemplate> {
  return fillTemplate(template, new Map(Object.entries(values)));
}

describe('a template', () => {
  test('is filled everywhere, and what the agent’s side fills in stays open', () => {
    expect(fill({ subdomain: 'acme', email: 'me@acme.example' })).toEqual({
      service: 'desk',
      type: 'basic',
      destinations: [{ url: 'https://acme.desk.example/api', body: undefined }],
      injection: { kind: 'basic', username: 'me@acme.example/token' },
      placeholder: 'pk-{random}',
      environment: [
        { name: 'DESK_URL', value: '{base_url}/api' },
        { name: 'DESK_EMAIL', value: 'me@acme.example' },
        { name: 'DESK_KEY', value: '{placeholder}' },
      ],
    });
  });

  test('takes what is set before its default', () => {
    expect(fill({ subdomain: 'acme', email: 'a@b.c', zone: 'eu.desk.example' }).destinations[0]?.url).toBe(
      'https://acme.eu.desk.example/api',
    );
  });

  test('names all that is missing at once, with what to type', () => {
    expect(() => fill({})).toThrow(/^subdomain is missing.*--set subdomain=acme\nemail is missing.*--set email=a@b.c$/);
  });

  test.each([
    ['a whole host where a part belongs', { subdomain: 'acme.desk.example' }],
    ['another host, by a slash', { subdomain: 'evil.example/' }],
    ['user information', { subdomain: 'evil@' }],
    ['a wildcard', { subdomain: '*' }],
    ['a URL where a host belongs', { zone: 'https://desk.example' }],
    ['a host with a port', { zone: 'desk.example:8443' }],
    ['a line break', { email: 'a\r\nb' }],
    ['a name in braces', { email: '{value}' }],
    ['nothing', { email: '' }],
  ])('refuses %s, and does not repeat it', (_, values) => {
    expect(() => fill({ subdomain: 'acme', email: 'a@b.c', ...values })).toThrow(
      expect.objectContaining({ code: 'invalid_argument', message: expect.not.stringContaining('evil') }),
    );
  });

  test('refuses what it does not know, and does not repeat it', () => {
    expect(() => fill({ subdomain: 'acme', email: 'a@b.c', 'sk-secret': 'x' })).toThrow(
      expect.objectContaining({ message: 'desk has these variables and no other: subdomain, email, zone.' }),
    );
  });
});
