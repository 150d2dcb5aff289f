import { AppError } from '@leasehold/core';
import type { FilledTemplate } from '@leasehold/services';

/** The flags of `credential add` that name a template. */
export interface ServiceFlags {
  readonly service?: string;
  readonly set?: readonly string[];
}

/** The template that was named, filled in; undefined when none was. Throws AppError `invalid_argument` or `not_found`. */
export async function filledService({ service, set = [] }: ServiceFlags): Promise<FilledTemplate | undefined> {
  if (service === undefined) {
    if (set.length > 0) throw new AppError('invalid_argument', '--set fills in a template: name it with --service.');
    return undefined;
  }
  const { fillTemplate, findService } = await import('@leasehold/services');
  return fillTemplate(await findService(service), pairsOf(set));
}

function pairsOf(texts: readonly string[]): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    // Not quoted: it may be a secret that strayed here.
    if (equals < 1) throw new AppError('invalid_argument', '--set wants a name and a value, such as --set subdomain=acme');
    const name = text.slice(0, equals);
    if (pairs.has(name)) throw new AppError('invalid_argument', `--set gives ${name.slice(0, 32)} twice.`);
    pairs.set(name, text.slice(equals + 1));
  }
  return pairs;
}
