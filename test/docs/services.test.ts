import { join } from 'node:path';
import type { Injection } from '@leasehold/core';
import { listServices, type ServiceTemplate } from '@leasehold/services';
import { expect, test } from 'vitest';
import { root } from '../structure/source-files.ts';

test('the page of services is what the templates say (vitest -u writes it anew)', async () => {
  await expect(page(await listServices())).toMatchFileSnapshot(join(root, 'docs', 'services.md'));
});

function page(services: readonly ServiceTemplate[]): string {
  const categories = [...new Set(services.map(({ category }) => category))].toSorted();
  return `# Services

Templates of credentials for ${services.length} services: \`leasehold service list\` prints them, \`leasehold service show NAME\` shows one, and \`leasehold credential add NAME --service SERVICE < key.txt\` stores a credential made from one. This page is made from the files in \`packages/services/templates\`.

${categories.map((category) => section(category, services)).join('\n\n')}
`;
}

function section(category: string, services: readonly ServiceTemplate[]): string {
  const rows = services.filter((each) => each.category === category).map(row);
  return `## ${category}\n\n| service | goes to | on the wire | variables of the agent | \`--set\` |\n|---|---|---|---|---|\n${rows.join('\n')}`;
}

function row({ name, title, docs, destinations, injection, environment, variables }: ServiceTemplate): string {
  const cells = [
    `\`${name}\` [${title}](${docs})`,
    destinations.map(({ url }) => `\`${url.replace('https://', '')}\``).join('<br>'),
    `\`${wire(injection)}\``,
    Object.keys(environment)
      .map((each) => `\`${each}\``)
      .join('<br>') || '-',
    variables.map((each) => `\`${each.name}\`${each.default === undefined ? '' : ` (${each.default})`}`).join('<br>') || '-',
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function wire(injection: Injection): string {
  switch (injection.kind) {
    case 'header':
      return `${injection.name}: ${injection.template}`;
    case 'basic':
      return `Basic ${injection.username.startsWith('{value}:') ? injection.username : `${injection.username}:{value}`}`;
    case 'query':
      return `?${injection.name}={value}`;
    case 'path':
      return `/${injection.template}/`;
    case 'placeholder':
      return `placeholder in ${injection.in.join(', ')}`;
  }
}
