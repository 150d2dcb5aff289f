import { AppError } from '@leasehold/core';
import { readTemplates } from './read-templates.ts';
import { parseTemplate, type ServiceTemplate } from './service-template.ts';

/** Every service that there is a template of, by name. */
export async function listServices(): Promise<readonly ServiceTemplate[]> {
  const services = (await readTemplates()).map(({ file, text }) => parseTemplate(JSON.parse(text), file));
  return services.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** Throws AppError `not_found` that names services which are spelled alike. */
export async function findService(name: string): Promise<ServiceTemplate> {
  const services = await listServices();
  const found = services.find((each) => each.name === name);
  if (found !== undefined) return found;
  const alike = services.filter((each) => isAlike(each, name)).map((each) => each.name);
  // Not quoted: a secret may have strayed here.
  const hint = alike.length === 0 ? 'List them with: leasehold service list' : `Did you mean ${alike.join(', ')}?`;
  throw new AppError('not_found', `There is no service of that name.\n${hint}`);
}

function isAlike({ name, title }: ServiceTemplate, wanted: string): boolean {
  const folded = fold(wanted);
  return folded.length > 1 && [fold(name), fold(title)].some((each) => each.startsWith(folded) || folded.startsWith(each));
}

function fold(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}
