import { AppError, type BodyForm, type Injection, isName, placeholderPlaces } from '@leasehold/core';
import * as v from 'valibot';

/** What a service of the world wants of a credential: one file in `templates/`, named like the service. Pure data, nothing secret. */
export interface ServiceTemplate {
  readonly name: string;
  readonly title: string;
  readonly category: ServiceCategory;
  readonly type: 'api_key' | 'oauth_token' | 'basic';
  /** The provider's own page on authentication. */
  readonly docs: string;
  /** What the operator says with `--set`: their names may stand in braces in all the texts below. */
  readonly variables: readonly TemplateVariable[];
  /** The first is where the base URL leads. */
  readonly destinations: readonly TemplateDestination[];
  readonly injection: Injection;
  /** A pattern with `{random}`; undefined means that no SDK wants one. */
  readonly placeholder: string | undefined;
  /** Variables that SDKs read: their values may hold `{placeholder}` and `{base_url}`. */
  readonly environment: Readonly<Record<string, string>>;
  /** What an operator should know beside all that. */
  readonly note: string | undefined;
}

export interface TemplateVariable {
  readonly name: string;
  /** `label` is one part of a host name, `host` a whole one, `text` anything printable. */
  readonly kind: 'label' | 'host' | 'text';
  readonly about: string;
  readonly example: string;
  /** Taken when the operator says nothing. */
  readonly default: string | undefined;
}

export interface TemplateDestination {
  readonly url: string;
  readonly body: BodyForm | undefined;
}

export const serviceCategories = [
  'ai',
  'automation',
  'calendar',
  'chat',
  'cloud',
  'code',
  'commerce',
  'crm',
  'data',
  'email',
  'files',
  'knowledge',
  'maps',
  'observability',
  'payments',
  'projects',
  'search',
  'social',
] as const;
export type ServiceCategory = (typeof serviceCategories)[number];

const text = v.pipe(v.string(), v.minLength(1), v.maxLength(200), v.regex(/^[^\p{Cc}]*$/u));
/** Names that mean something else in these texts. */
const taken = ['value', 'random', 'placeholder', 'base_url'];

const schema = v.strictObject({
  name: v.pipe(v.string(), v.check(isName)),
  title: text,
  category: v.picklist(serviceCategories),
  type: v.picklist(['api_key', 'oauth_token', 'basic']),
  docs: v.pipe(v.string(), v.url(), v.startsWith('https://')),
  variables: v.optional(
    v.array(
      v.strictObject({
        name: v.pipe(
          v.string(),
          v.regex(/^[a-z][a-z_]{0,31}$/),
          v.check((name) => !taken.includes(name)),
        ),
        kind: v.picklist(['label', 'host', 'text']),
        about: text,
        example: text,
        default: v.optional(text),
      }),
    ),
    [],
  ),
  destinations: v.pipe(v.array(v.strictObject({ url: text, body: v.optional(v.picklist(['json', 'form'])) })), v.minLength(1)),
  injection: v.variant('kind', [
    v.strictObject({ kind: v.literal('header'), name: text, template: text }),
    v.strictObject({ kind: v.literal('basic'), username: text }),
    v.strictObject({ kind: v.literal('query'), name: text }),
    v.strictObject({ kind: v.literal('path'), template: text }),
    v.strictObject({ kind: v.literal('placeholder'), in: v.pipe(v.array(v.picklist(placeholderPlaces)), v.minLength(1)) }),
  ]),
  placeholder: v.optional(text),
  environment: v.optional(v.record(v.string(), v.string()), {}),
  note: v.optional(text),
});

/** Throws AppError `internal` that names the file and all its flaws: templates come with the product. */
export function parseTemplate(input: unknown, file: string): ServiceTemplate {
  const parsed = v.safeParse(schema, input);
  if (!parsed.success) {
    const flaws = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? 'it'}: ${issue.message}`);
    throw new AppError('internal', `The service template ${file} is not understood: ${flaws.join('; ')}`);
  }
  const { variables, destinations, placeholder, note, ...rest } = parsed.output;
  return {
    ...rest,
    variables: variables.map((each) => ({ ...each, default: each.default })),
    destinations: destinations.map(({ url, body }) => ({ url, body })),
    placeholder,
    note,
  };
}
