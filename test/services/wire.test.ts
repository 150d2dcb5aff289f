import { readFile } from 'node:fs/promises';
import { checkEnvironment, checkInjection, checkPlaceholder, parseDestination, type Route } from '@leasehold/core';
import { type FilledTemplate, fillTemplate, listServices, type ServiceTemplate } from '@leasehold/services';
import { describe, expect, test } from 'vitest';
import { inject, prepareInjection } from '../../packages/sidecar/src/domain/inject.ts';
import { replaceInBody } from '../../packages/sidecar/src/domain/replace-in-body.ts';
import { route } from '../../packages/sidecar/src/domain/route.ts';
import { compileRoutes } from '../../packages/sidecar/src/domain/route-table.ts';
import { isStripped } from '../../packages/sidecar/src/domain/strip.ts';
import { documentedBaseUrls, documentedRequests } from './documented-requests.ts';
import { whereSeen } from './where-seen.ts';

/** Each template through the product's own rules, against what the provider's documentation shows. */

const services = new Map((await listServices()).map((each) => [each.name, each]));
const value = 'sk-0123456789-live';

function filled(name: string, set: string): FilledTemplate {
  const template = services.get(name);
  if (template === undefined) throw new Error(`no template is called ${name}`);
  const pairs = set.split(',').filter((each) => each !== '');
  return fillTemplate(template, new Map(pairs.map((pair): [string, string] => [pair.split('=')[0] ?? '', pair.split('=')[1] ?? ''])));
}

function exampleOf(template: ServiceTemplate): FilledTemplate {
  return fillTemplate(template, new Map(template.variables.map((each) => [each.name, each.example])));
}

function routeOf({ service, destinations, injection, placeholder, environment }: FilledTemplate): Route {
  return {
    credentialId: 'crd_1',
    credentialName: service,
    grantId: 'grt_1',
    version: 1,
    status: 'active',
    destinations: destinations.map(({ url, body }) => parseDestination(url, { body })),
    injection,
    placeholder: placeholder?.replace('{random}', '0'.repeat(22)),
    environment,
    service,
    limits: { methods: [], pathPrefixes: [], ratePerMinute: undefined },
  };
}

test('every service has a documented request, and every documented request a service', () => {
  expect(documentedRequests.map(({ service }) => service).toSorted()).toEqual([...services.keys()].toSorted());
  expect(services.size).toBeGreaterThanOrEqual(70);
});

test('what was compared with a provider is a service, and says with what', async () => {
  expect(await readFile('docs/adr/0007-service-templates.md', 'utf8')).toContain(`${whereSeen.size} of ${services.size}`);
  expect([...whereSeen.keys()].filter((name) => !services.has(name))).toEqual([]);
  expect([...whereSeen.values()].filter((source) => !/^(?:https:\/\/\S+|(?:npm|pypi):\S+@\S+)$/.test(source))).toEqual([]);
});

describe('the value lands where the documentation of the provider says', () => {
  test.each(documentedRequests)('$service: $key', ({ service, set, url, key }) => {
    const { protocol, hostname, port, pathname, search, host } = new URL(url);
    const target = { way: 'proxy', host: hostname, port: Number(port) || 443, method: 'GET', path: pathname } as const;
    const credential = routeOf(filled(service, set));
    const scheme = protocol === 'https:' ? 'https' : 'http';
    const routed = route(compileRoutes([credential]), { ...target, scheme }, { rawHeaders: [], path: pathname + search });
    expect(routed).toMatchObject({ kind: 'matched' });
    if (key === 'body') {
      const { placeholder } = prepareInjection(credential, value, btoa);
      if (placeholder === undefined) throw new Error('nothing is replaced');
      expect(credential.destinations.map(({ body }) => body)).toEqual(['json']);
      const body = Buffer.from(JSON.stringify({ key: credential.placeholder, message: {} }));
      expect(JSON.parse(replaceInBody('json', body, placeholder).toString())).toEqual({ key: value, message: {} });
      return;
    }
    const prepared = prepareInjection(credential, value, btoa);
    const before = { headers: ['accept', 'a/b', 'Authorization', 'Bearer of-the-agent'], path: pathname + search };
    const sent = inject(before.headers, before.path, prepared, host);
    const plain = ['host', host, 'accept-encoding', 'identity', 'accept', 'a/b'];
    if (key.startsWith('/')) {
      expect(sent).toEqual({ headers: plain, secretNames: [], path: `${key.replace('$', value)}${before.path}` });
    } else if (key.startsWith('?')) {
      expect(sent.headers).toEqual(plain);
      expect(sent.path).toBe(`${before.path}${search === '' ? '?' : '&'}${key.slice(1).replace('$', value)}`);
    } else {
      const [name = '', ...words] = key.split(': ');
      // A header's name means the same in any letter case; the rest does not.
      const headers = sent.headers.map((each, index) => (index === plain.length ? each.toLowerCase() : each));
      expect([headers, sent.path]).toEqual([[...plain, name.toLowerCase(), spelled(words.join(': '))], before.path]);
      expect(sent.secretNames).toEqual([sent.headers[plain.length]]);
    }
  });
});

function spelled(documented: string): string {
  const [, pair] = /^Basic (.*)$/.exec(documented) ?? [];
  return pair === undefined ? documented.replace('$', value) : `Basic ${btoa(pair.replace('$', value))}`;
}

describe('a base URL leads an SDK where it goes by itself', () => {
  test.each(documentedBaseUrls)('$service: $variable', ({ service, set, variable, url }) => {
    const { environment, destinations } = filled(service, set);
    const text = environment.find(({ name }) => name === variable)?.value ?? '';
    const first = new URL(destinations[0]?.url ?? '');
    // What the agent calls below its base URL goes to the first destination, path and all.
    expect(text.replace('{base_url}', first.origin)).toBe(url);
  });

  test('every variable that holds a base URL is among them', () => {
    const there = [...services.values()].flatMap(({ name, environment }) =>
      Object.entries(environment)
        .filter(([, text]) => text.includes('{base_url}'))
        .map(([variable]) => `${name} ${variable}`),
    );
    expect(documentedBaseUrls.map(({ service, variable }) => `${service} ${variable}`).toSorted()).toEqual(there.toSorted());
  });
});

describe.each([...services.values()])('$name', (template) => {
  test('is what the broker takes as a credential', () => {
    const { destinations, injection, placeholder, environment } = exampleOf(template);
    const parsed = destinations.map(({ url, body }) => parseDestination(url, { body }));
    for (const { scheme } of parsed) expect(scheme).toBe('https');
    checkInjection(injection);
    checkEnvironment(environment);
    checkPlaceholder({ injection, environment, placeholder, destinations: parsed });
  });

  test('leaves nothing open that the agent’s side can not fill', () => {
    const { destinations, injection, placeholder = '', environment } = exampleOf(template);
    const open = [...JSON.stringify([destinations, injection, placeholder, environment]).matchAll(/\{([a-z_]+)\}/g)].map(
      ([, name]) => name,
    );
    expect(open.filter((name) => !['value', 'random', 'placeholder', 'base_url'].includes(name ?? ''))).toEqual([]);
  });

  test('gives SDKs a placeholder that can not be taken for a key, and only where one has a use', () => {
    const { placeholder, environment, injection } = template;
    const isUsed = injection.kind === 'placeholder' || Object.values(environment).some((text) => text.includes('{placeholder}'));
    expect(placeholder !== undefined).toBe(isUsed);
    if (placeholder !== undefined) expect(placeholder.split('{random}')).toHaveLength(2);
  });

  test('has a page of the provider’s own to read on', () => {
    expect(new URL(template.docs).protocol).toBe('https:');
  });
});

test('what a service reads a credential from, an agent can not set at any service', () => {
  const names = [...services.values()].flatMap(({ injection }) => (injection.kind === 'header' ? [injection.name.toLowerCase()] : []));
  expect(names.filter((name) => !isStripped(name))).toEqual([]);
});
