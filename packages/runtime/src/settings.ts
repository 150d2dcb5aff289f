import { parseArgs } from 'node:util';
import { AppError } from '@leasehold/core';

interface Described<Kind extends string, Default> {
  readonly kind: Kind;
  /** One sentence for `--help`. */
  readonly about: string;
  /** Undefined in the map of results when the setting is optional and not given. */
  readonly fallback: Default;
}

export type SettingSpec =
  | Described<'text', string | undefined>
  | Described<'port', number | undefined>
  | (Described<'integer', number> & { readonly min: number; readonly max: number })
  /** Milliseconds; written as 500ms, 3s, 5m, 1h. */
  | (Described<'duration', number> & { readonly min: number; readonly max: number })
  | (Described<'choice', string> & { readonly choices: readonly string[] })
  | Described<'flag', boolean>
  /** Given several times, or once with commas. */
  | Described<'list', readonly string[]>;

export type SettingSpecs = Readonly<Record<string, SettingSpec>>;

type ValueOf<S extends SettingSpec> = S extends { kind: 'choice'; choices: readonly (infer C)[] } ? C : Widened<S['fallback']>;
type Widened<V> = V extends string ? string : V extends number ? number : V extends boolean ? boolean : V;

export type Settings<S extends SettingSpecs> = { readonly [K in keyof S]: ValueOf<S[K]> };

export interface SettingSource {
  /** Without the program's own name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Prefix of this program's environment variables, with its underscore: `LEASEHOLD_BROKER_`. */
  readonly envPrefix: string;
}

/**
 * Reads settings from flags (`--grpc-port 7443`), then the environment (`LEASEHOLD_BROKER_GRPC_PORT`), then the fallbacks.
 * Throws AppError `invalid_argument` that lists every problem at once: unknown names, wrong values, words without a flag.
 */
export function readSettings<const S extends SettingSpecs>(specs: S, source: SettingSource): Settings<S> {
  const problems: string[] = [];
  const given = { ...fromEnvironment(specs, source, problems), ...fromFlags(specs, source.argv, problems) };
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const texts = given[name];
    values[name] = texts === undefined ? spec.fallback : parse(name, spec, texts, problems);
  }
  if (problems.length > 0) throw new AppError('invalid_argument', `${problems.join('\n')}\nRun with --help for all settings.`);
  return values as Settings<S>; // Every key of S was just given a value of its kind.
}

type Given = Record<string, readonly string[]>;

function fromEnvironment(specs: SettingSpecs, { env, envPrefix }: SettingSource, problems: string[]): Given {
  const given: Given = {};
  const names = new Map(Object.keys(specs).map((name) => [envPrefix + name.toUpperCase().replaceAll('-', '_'), name]));
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith(envPrefix) || text === undefined) continue;
    const name = names.get(variable);
    if (name === undefined) problems.push(`${variable} is not a setting.`);
    else given[name] = [text];
  }
  return given;
}

function fromFlags(specs: SettingSpecs, argv: readonly string[], problems: string[]): Given {
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [
      name,
      { type: spec.kind === 'flag' ? ('boolean' as const) : ('string' as const), multiple: true },
    ]),
  );
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true });
  const given: Record<string, string[]> = {};
  for (const token of tokens) {
    if (token.kind === 'positional') problems.push(`"${token.value}" is not expected here: settings are written as --name value.`);
    if (token.kind !== 'option') continue;
    const spec = specs[token.name];
    if (spec === undefined) problems.push(`${token.rawName} is not a setting.`);
    else if (spec.kind !== 'flag' && token.value === undefined) problems.push(`${token.rawName} needs a value.`);
    else if (spec.kind !== 'list' && given[token.name] !== undefined) problems.push(`${token.rawName} is given twice.`);
    else given[token.name] = [...(given[token.name] ?? []), token.value ?? 'true'];
  }
  return given;
}

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

function parse(name: string, spec: SettingSpec, texts: readonly string[], problems: string[]): unknown {
  const text = texts[0] ?? '';
  switch (spec.kind) {
    case 'text':
      if (text === '') problems.push(`${name} is empty.`);
      return text;
    case 'list':
      return texts.flatMap((each) => each.split(',')).filter((each) => each !== '');
    case 'flag':
      if (text !== 'true' && text !== 'false') problems.push(`${name}: "${text}" is neither true nor false.`);
      return text === 'true';
    case 'choice':
      if (!spec.choices.includes(text)) problems.push(`${name}: "${text}" is not one of ${spec.choices.join(', ')}.`);
      return text;
    case 'port':
      return whole(name, text, 1, 0, 65_535, problems);
    case 'integer':
      return whole(name, text, 1, spec.min, spec.max, problems);
    case 'duration': {
      const [, digits, unit] = /^(\d{1,9})(ms|s|m|h)$/.exec(text) ?? [];
      if (digits === undefined || unit === undefined) {
        problems.push(`${name}: "${text}" is not a duration such as 500ms, 3s, 5m or 1h.`);
        return spec.fallback;
      }
      return whole(name, digits, durationUnits[unit] ?? 1, spec.min, spec.max, problems);
    }
  }
}

function whole(name: string, digits: string, unit: number, min: number, max: number, problems: string[]): number {
  const value = /^\d{1,15}$/.test(digits) ? Number(digits) * unit : Number.NaN;
  if (Number.isNaN(value)) problems.push(`${name}: "${digits}" is not a whole number.`);
  else if (value < min || value > max) problems.push(`${name}: ${value} is outside ${min} to ${max}${unit === 1 ? '' : ' ms'}.`);
  return value;
}

/** The text of `--help`: one line a setting. */
export function describeSettings(specs: SettingSpecs): string {
  const rows = Object.entries(specs).map(([name, spec]) => {
    const value = spec.kind === 'flag' ? '' : spec.kind === 'choice' ? ` ${spec.choices.join('|')}` : ` ${spec.kind.toUpperCase()}`;
    const shown = spec.kind === 'duration' ? `${spec.fallback} ms` : String(spec.fallback ?? '');
    return [`  --${name}${value}`, `${spec.about}${shown === '' || shown === 'false' ? '' : ` (default ${shown})`}`] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => left.padEnd(width) + right).join('\n');
}
