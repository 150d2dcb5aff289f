import { AppError } from '@leasehold/core';
import { describe, expect, test } from 'vitest';
import { credentialDraft, type DraftFlags } from './credential-draft.ts';

const flags: DraftFlags = {
  destination: ['https://api.example.com'],
  header: 'Authorization: Bearer {value}',
  maxTtl: '1h',
  type: 'api_key',
};

/** With the header of `flags`, unless `more` puts the value somewhere else. */
function withFlags(more: Partial<DraftFlags>): DraftFlags {
  const { header: _, ...rest } = flags;
  return 'pathSegment' in more || 'replace' in more ? { ...rest, ...more } : { ...flags, ...more };
}

async function problemsOf(name: string, more: Partial<DraftFlags>): Promise<string> {
  const thrown: unknown = await credentialDraft(name, withFlags(more)).catch((error: unknown) => error);
  if (!(thrown instanceof AppError)) throw new Error('it was taken');
  expect(thrown.code).toBe('invalid_argument');
  return thrown.message;
}

describe('a credential from flags', () => {
  test('each destination carries the methods, paths and ranges that were given', async () => {
    const draft = await credentialDraft('api', {
      ...flags,
      destination: ['https://api.example.com', 'https://*.example.org:8443'],
      method: ['get', 'POST'],
      path: ['/v1'],
      private: ['10.0.0.0/8'],
      maxTtl: '10m',
    });
    const common = { methods: ['GET', 'POST'], path_prefixes: ['/v1'], ca_pem: null, private_cidrs: ['10.0.0.0/8'], body: null };
    expect(draft).toEqual({
      name: 'api',
      type: 'api_key',
      destinations: [
        { url: 'https://api.example.com', ...common },
        { url: 'https://*.example.org:8443', ...common },
      ],
      injection: { kind: 'header', name: 'Authorization', template: 'Bearer {value}' },
      placeholder: null,
      environment: [],
      service: null,
      max_ttl_ms: 600_000,
    });
  });

  test.each([
    [{ basic: 'user' }, { kind: 'basic', username: 'user' }],
    [{ query: 'key' }, { kind: 'query', name: 'key' }],
    [{ pathSegment: 'bot{value}' }, { kind: 'path', template: 'bot{value}' }],
    [{ replace: 'header, query' }, { kind: 'placeholder', in: ['header', 'query'] }],
  ])('%j says how the value goes on the wire', async (how, injection) => {
    const { header: _, ...rest } = flags;
    expect((await credentialDraft('api', { ...rest, ...how })).injection).toEqual(injection);
  });

  test('all problems are named at once', async () => {
    const text = await problemsOf('api', { query: 'key', destination: ['ftp://x'], maxTtl: 'soon', type: 'nope', ca: '/ghost.pem' });
    for (const part of ['exactly one of', 'https://host', '--max-ttl', '--type', '/ghost.pem']) expect(text).toContain(part);
  });

  test('a value typed where the name belongs is not repeated', async () => {
    expect(await problemsOf('sk-LIVE-secret', {})).not.toContain('LIVE');
  });

  test('a placeholder, variables and the form of bodies go along', async () => {
    const replaced = withFlags({
      replace: 'header,body',
      placeholder: 'sk-{random}',
      body: 'json',
      env: ['API_KEY={placeholder}', 'EMPTY='],
    });
    expect(await credentialDraft('api', replaced)).toMatchObject({
      injection: { kind: 'placeholder', in: ['header', 'body'] },
      placeholder: 'sk-{random}',
      environment: [
        { name: 'API_KEY', value: '{placeholder}' },
        { name: 'EMPTY', value: '' },
      ],
      destinations: [{ body: 'json' }],
    });
  });

  test('a secret typed where a variable belongs is not repeated', async () => {
    expect(await problemsOf('api', { env: ['sk-LIVE-secret', 'sk-LIVE-secret=1'] })).not.toContain('LIVE');
  });

  test.each([
    ['no destination', { destination: [] }],
    ['a template without a place for the value', { header: 'Authorization: Bearer' }],
    ['a header without a template', { header: 'Authorization' }],
    ['a path segment of several', { pathSegment: 'a/{value}' }],
    ['a place that nobody knows', { replace: 'header,cookie' }],
    ['a placeholder that can be guessed', { replace: 'header', placeholder: 'sk-key' }],
    ['bodies without a form', { replace: 'body' }],
    ['a form of bodies that nobody looks into', { body: 'json' }],
    ['another form of bodies', { replace: 'body', body: 'xml' }],
    ['a variable without a value', { env: ['sk-LIVE'] }],
    ['a variable that runs code', { env: ['NODE_OPTIONS=--require x'] }],
    ['a header that frames the message', { header: 'Host: {value}' }],
  ])('%s is refused', async (_, more) => {
    await problemsOf('api', more);
  });
});

describe('a credential from a template', () => {
  const desk = { service: 'zendesk', set: ['subdomain=acme', 'email=me@acme.example'], maxTtl: '1h' };
  const open = { methods: [], path_prefixes: [], ca_pem: null, private_cidrs: [], body: null };

  test('is all that the template says, with what was set', async () => {
    expect(await credentialDraft('desk', desk)).toEqual({
      name: 'desk',
      type: 'basic',
      destinations: [{ url: 'https://acme.zendesk.com/api', ...open }],
      injection: { kind: 'basic', username: 'me@acme.example/token' },
      placeholder: '{random}',
      environment: [
        { name: 'ZENDESK_SUBDOMAIN', value: 'acme' },
        { name: 'ZENDESK_EMAIL', value: 'me@acme.example' },
        { name: 'ZENDESK_API_TOKEN', value: '{placeholder}' },
      ],
      service: 'zendesk',
      max_ttl_ms: 3_600_000,
    });
  });

  test('what a flag says goes before what the template says', async () => {
    const flagged = await credentialDraft('desk', {
      ...desk,
      destination: ['https://desk.example.com'],
      header: 'X-Key: {value}',
      placeholder: 'pk-{random}',
      env: ['ZENDESK_EMAIL=other@acme.example'],
      type: 'api_key',
    });
    expect(flagged).toMatchObject({
      type: 'api_key',
      destinations: [{ url: 'https://desk.example.com' }],
      injection: { kind: 'header', name: 'X-Key', template: '{value}' },
      placeholder: 'pk-{random}',
      service: 'zendesk',
    });
    expect(flagged.environment?.map(({ name, value }) => `${name}=${value}`)).toEqual([
      'ZENDESK_SUBDOMAIN=acme',
      'ZENDESK_API_TOKEN={placeholder}',
      'ZENDESK_EMAIL=other@acme.example',
    ]);
  });

  test('paths that are given narrow the template’s own', async () => {
    const { destinations } = await credentialDraft('desk', { ...desk, path: ['/api/v2/tickets'] });
    expect(destinations).toEqual([{ url: 'https://acme.zendesk.com', ...open, path_prefixes: ['/api/v2/tickets'] }]);
  });

  test('bodies are looked into no longer when a flag puts the value somewhere else', async () => {
    expect((await credentialDraft('m', { service: 'mandrill', maxTtl: '1h' })).destinations).toMatchObject([{ body: 'json' }]);
    const moved = await credentialDraft('m', { service: 'mandrill', maxTtl: '1h', header: 'X-Key: {value}' });
    expect(moved.destinations).toMatchObject([{ body: null }]);
  });

  test.each([
    ['an unknown service', { service: 'sk-secret' }, 'leasehold service list'],
    ['a variable that is missing', { service: 'zendesk', set: ['subdomain=acme'] }, '--set email='],
    ['a variable that is set twice', { ...desk, set: ['subdomain=a', 'subdomain=b'] }, 'twice'],
    ['a variable without a value', { ...desk, set: ['sk-secret'] }, '--set wants a name and a value'],
    ['a variable without a service', { set: ['subdomain=a'], header: 'X-Key: {value}' }, '--service'],
    ['two ways for the value', { ...desk, header: 'X-Key: {value}', query: 'key' }, 'exactly one of'],
  ])('%s is named, and no secret that strayed', async (_, flagged, text) => {
    const thrown: unknown = await credentialDraft('desk', { maxTtl: '1h', ...flagged }).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ message: expect.stringContaining(text) });
    expect(thrown).toMatchObject({ message: expect.not.stringContaining('secret') });
  });
});
