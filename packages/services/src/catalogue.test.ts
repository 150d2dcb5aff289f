import { describe, expect, test } from 'vitest';
import { findService, listServices } from './catalogue.ts';
import { readTemplates } from './read-templates.ts';
import { parseTemplate, serviceCategories } from './service-template.ts';

const good = JSON.parse((await readTemplates()).find(({ file }) => file === 'openai.json')?.text ?? '{}');

describe('the catalogue', () => {
  test('each file holds the service that it is named after', async () => {
    const files = await readTemplates();
    expect((await listServices()).map(({ name }) => `${name}.json`).toSorted()).toEqual(files.map(({ file }) => file).toSorted());
  });

  test('every category has a service', async () => {
    const used = new Set((await listServices()).map(({ category }) => category));
    expect([...used].toSorted()).toEqual([...serviceCategories].toSorted());
  });

  test('no two services have the same title', async () => {
    const titles = (await listServices()).map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });

  test('a service is found by its name', async () => {
    expect(await findService('openai')).toMatchObject({ name: 'openai', title: 'OpenAI' });
  });

  test.each([
    ['open-ai', 'Did you mean openai?'],
    ['GitHub', 'Did you mean github, github-git?'],
    ['sk-0123456789', 'leasehold service list'],
  ])('another name, %s, leads on and is not repeated', async (name, hint) => {
    const found = findService(name);
    await expect(found).rejects.toMatchObject({ code: 'not_found', message: expect.stringContaining(hint) });
    await expect(found).rejects.toMatchObject({ message: expect.not.stringContaining(name) });
  });
});

describe('a template is refused', () => {
  test.each([
    ['with a field that nobody knows', { destination: [] }],
    ['without a destination', { destinations: [] }],
    ['with documentation that is not served over TLS', { docs: 'http://example.com' }],
    ['with a variable that means something else', { variables: [{ name: 'value', kind: 'text', about: 'a', example: 'a' }] }],
    ['with a category of its own', { category: 'misc' }],
  ])('%s', (_, flaw) => {
    parseTemplate(good, 'good.json');
    expect(() => parseTemplate({ ...good, ...flaw }, 'bad.json')).toThrow(/bad\.json/);
  });
});
