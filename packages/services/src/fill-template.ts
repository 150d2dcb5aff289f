import { AppError, canonicalHost, type EnvironmentVariable, type Injection } from '@leasehold/core';
import type { ServiceTemplate, TemplateDestination, TemplateVariable } from './service-template.ts';

/** A template with nothing left open but `{random}`, `{placeholder}`, `{base_url}` and the value's own place. */
export interface FilledTemplate {
  readonly service: string;
  readonly type: ServiceTemplate['type'];
  readonly destinations: readonly TemplateDestination[];
  readonly injection: Injection;
  readonly placeholder: string | undefined;
  readonly environment: readonly EnvironmentVariable[];
}

/** Throws one AppError `invalid_argument` that names every variable which is missing, unknown or not of its kind. */
export function fillTemplate(template: ServiceTemplate, given: ReadonlyMap<string, string>): FilledTemplate {
  const values = valuesOf(template, given);
  const fill = (text: string) => text.replaceAll(/\{([a-z_]+)\}/g, (braced, name: string) => values.get(name) ?? braced);
  return {
    service: template.name,
    type: template.type,
    destinations: template.destinations.map(({ url, body }) => ({ url: fill(url), body })),
    injection: fillInjection(template.injection, fill),
    placeholder: template.placeholder === undefined ? undefined : fill(template.placeholder),
    environment: Object.entries(template.environment).map(([name, value]) => ({ name, value: fill(value) })),
  };
}

function fillInjection(injection: Injection, fill: (text: string) => string): Injection {
  if (injection.kind === 'header') return { ...injection, template: fill(injection.template) };
  return injection.kind === 'basic' ? { ...injection, username: fill(injection.username) } : injection;
}

function valuesOf({ name, variables }: ServiceTemplate, given: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  const problems: string[] = [];
  for (const variable of variables) {
    const value = given.get(variable.name) ?? variable.default;
    if (value === undefined) problems.push(`${variable.name} is missing (${variable.about}): --set ${variable.name}=${variable.example}`);
    else if (!isOfKind(value, variable.kind))
      problems.push(`${variable.name} is no ${kinds[variable.kind]}: write it as ${variable.example}.`);
    else values.set(variable.name, value);
  }
  const known = variables.map((each) => each.name);
  // Not quoted: what stands there may be a secret.
  if ([...given.keys()].some((each) => !known.includes(each)))
    problems.push(`${name} has ${known.length === 0 ? 'no variables to set' : `these variables and no other: ${known.join(', ')}`}.`);
  if (problems.length > 0) throw new AppError('invalid_argument', problems.join('\n'));
  return values;
}

const kinds: Readonly<Record<TemplateVariable['kind'], string>> = {
  label: 'single part of a host name',
  host: 'host name without scheme, port and path',
  text: 'printable text without braces',
};

function isOfKind(value: string, kind: TemplateVariable['kind']): boolean {
  if (kind === 'text') return /^[\x20-\x7e]{1,200}$/.test(value) && !/[{}]/.test(value);
  if (kind === 'label') return /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(value);
  return canonicalHost(value) !== undefined;
}
