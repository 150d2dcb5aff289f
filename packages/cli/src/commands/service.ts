import { AppError } from '@leasehold/core';
import type { ServiceTemplate } from '@leasehold/services';
import type { Command } from 'commander';
import { injectionText } from '../output/injection-text.ts';
import { createPrinter, type Printer } from '../output/printer.ts';

interface ListFlags {
  readonly json?: boolean;
  readonly category?: string;
}

/** Templates come with the program: no broker is asked. */
export function addServiceCommands(program: Command): void {
  const noun = program.command('service').description('templates of credentials for well-known services');
  noun
    .command('list')
    .description('all services that there is a template of')
    .option('--category <name>', 'those of one category alone')
    .option('--json', 'print one JSON object a line')
    .action((flags: ListFlags) => list(flags));
  noun
    .command('show <name>')
    .description('where a credential of a service goes, and how')
    .option('--json', 'print a JSON object')
    .action((name: string, flags: ListFlags) => show(name, flags));
}

async function list({ category, json }: ListFlags): Promise<void> {
  const { listServices, serviceCategories } = await import('@leasehold/services');
  if (category !== undefined && !serviceCategories.some((each) => each === category))
    throw new AppError('invalid_argument', `There is no such category.\nUse one of ${serviceCategories.join(', ')}.`);
  const services = (await listServices()).filter((each) => category === undefined || each.category === category);
  const out = printer(json);
  if (out.isJson) for (const each of services) out.json(resourceOf(each));
  else
    out.table(
      ['NAME', 'CATEGORY', 'TITLE', 'SET'],
      services.map(({ name, category: of, title, variables }) => [name, of, title, variables.map((each) => each.name).join(' ') || null]),
    );
}

async function show(name: string, { json }: ListFlags): Promise<void> {
  const { findService } = await import('@leasehold/services');
  const service = await findService(name);
  const out = printer(json);
  if (out.isJson) {
    out.json(resourceOf(service));
    return;
  }
  out.facts([
    ['name', service.name],
    ['title', service.title],
    ['category', service.category],
    ['type', service.type],
    ...service.destinations.map(({ url, body }): [string, string] => ['destination', body === undefined ? url : `${url} (${body} bodies)`]),
    ['injection', injectionText(service.injection)],
    ['placeholder', service.placeholder ?? null],
    ...Object.entries(service.environment).map(([variable, value]): [string, string] => ['environment', `${variable}=${value}`]),
    ...service.variables.map((each): [string, string] => [
      'to be set',
      `${each.name}: ${each.about}, such as ${each.example}${each.default === undefined ? '' : `; ${each.default} if nothing is said`}`,
    ]),
    ['docs', service.docs],
    ...(service.note === undefined ? [] : [['note', service.note] as const]),
    ['store one', commandFor(service)],
  ]);
}

/** What an operator types, with blanks for what only they know. */
function commandFor({ name, variables }: ServiceTemplate): string {
  const open = variables.filter((each) => each.default === undefined).map((each) => ` --set ${each.name}=${each.example}`);
  return `leasehold credential add ${name} --service ${name}${open.join('')} < key.txt`;
}

/** The documented shape: see docs/cli.md. */
function resourceOf({ variables, placeholder, note, destinations, ...rest }: ServiceTemplate): object {
  return {
    ...rest,
    variables: variables.map((each) => ({ ...each, default: each.default ?? null })),
    destinations: destinations.map(({ url, body }) => ({ url, body: body ?? null })),
    placeholder: placeholder ?? null,
    note: note ?? null,
  };
}

function printer(json: boolean | undefined): Printer {
  return createPrinter({ isJson: json === true, out: process.stdout, env: process.env });
}
