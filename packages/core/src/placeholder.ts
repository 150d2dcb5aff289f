import type { Destination } from './destination.ts';
import { type EnvironmentVariable, wantsPlaceholder } from './environment.ts';
import { AppError } from './errors.ts';
import type { Injection } from './injection.ts';

/** What of a credential its placeholder hangs on. */
export interface PlaceholderUse {
  readonly injection: Injection;
  readonly destinations: readonly Pick<Destination, 'body'>[];
  readonly environment: readonly EnvironmentVariable[];
  /** Text, with `{random}` where chance is to fill it in. */
  readonly placeholder: string | undefined;
}

const random = '{random}';
const unshaped = `leasehold-${random}`;
/** Means the same in a header, a query, a path, a form and a JSON string, so that it is found however it was sent. */
const plain = /^[A-Za-z0-9._~:-]*$/;
const maxCharacters = 512;

/** Throws one AppError `invalid_argument` that lists every problem. */
export function checkPlaceholder({ injection, destinations, placeholder }: PlaceholderUse): void {
  const problems: string[] = [];
  const parts = placeholder?.split(random) ?? [];
  if (placeholder === '' || parts.join('').length > maxCharacters) problems.push(`the placeholder has 1 to ${maxCharacters} characters.`);
  if (parts.length > 2) problems.push('the placeholder may hold {random} once.');
  if (!parts.every((part) => /^[\x20-\x7e]*$/.test(part))) problems.push('the placeholder may hold printable ASCII only.');
  if (injection.kind === 'placeholder' && placeholder !== undefined) {
    // THREATS 2: what an agent, or somebody who feeds it, could guess must not turn into the value.
    if (parts.length < 2)
      problems.push('a placeholder that is replaced must not be guessed: write it with {random}, such as "sk-{random}".');
    if (!parts.every((part) => plain.test(part)))
      problems.push('a placeholder that is replaced may hold letters, digits and ". _ ~ : -" beside {random}.');
  }
  const isInBodies = injection.kind === 'placeholder' && injection.in.includes('body');
  const hasForm = destinations.some(({ body }) => body !== undefined);
  if (isInBodies && !hasForm) problems.push('a placeholder is replaced in bodies only where a destination says json or form (--body).');
  if (hasForm && !isInBodies)
    problems.push('a destination says what its bodies are, but no placeholder is replaced in bodies (--replace body).');
  if (problems.length > 0) throw new AppError('invalid_argument', problems.join('\n'));
}

/** The placeholder to store, with 128 bits of chance in it: made where one is needed and none was given. */
export function makePlaceholder({ injection, environment, placeholder }: PlaceholderUse, randomBytes: Uint8Array): string | undefined {
  const isNeeded = injection.kind === 'placeholder' || wantsPlaceholder(environment);
  const pattern = placeholder ?? (isNeeded ? unshaped : undefined);
  return pattern?.replace(random, () => base62(randomBytes));
}

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const bytesOfChance = 16;
/** 62^22 > 2^128. */
const digitsOfChance = 22;

function base62(bytes: Uint8Array): string {
  if (bytes.byteLength !== bytesOfChance) throw new Error(`a placeholder takes ${bytesOfChance} random bytes`);
  let rest = bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
  let text = '';
  for (let count = 0; count < digitsOfChance; count += 1) {
    text = (digits[Number(rest % 62n)] ?? '') + text;
    rest /= 62n;
  }
  return text;
}
