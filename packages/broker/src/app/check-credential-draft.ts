import { AppError, checkEnvironment, checkInjection, checkPlaceholder, checkValue, isName } from '@leasehold/core';
import { credentialTypes } from '../domain/credential.ts';
import type { CredentialDraft } from '../ports/use-cases.ts';
import { mustBeName } from './administer-tenants.ts';

const maxTtlMs = 3_600_000;

/** Judges a credential before it is stored. Throws AppError `invalid_argument`. */
export function checkCredentialDraft(draft: CredentialDraft, value: Uint8Array): void {
  const { name, type, destinations, injection, environment, service } = draft;
  mustBeName(name);
  checkInjection(injection);
  checkEnvironment(environment);
  checkPlaceholder(draft);
  if (service !== undefined && !isName(service))
    throw new AppError('invalid_argument', 'The service is none: its name has lower-case letters, digits and "-".');
  if (!credentialTypes.includes(type))
    throw new AppError('invalid_argument', `"${type}" is no credential type: use ${credentialTypes.join(', ')}.`);
  if (destinations.length === 0) throw new AppError('invalid_argument', 'A credential needs at least one destination.');
  // INV-8: a typing error must not put the value on the wire in clear text.
  if (destinations.some(({ scheme, privateCidrs }) => scheme === 'http' && privateCidrs.length === 0))
    throw new AppError(
      'invalid_argument',
      'To an http:// destination the value goes in clear text. Write https://, or name the network that it stays in with --private CIDR.',
    );
  if (!(Number.isInteger(draft.maxTtlMs) && draft.maxTtlMs >= 1_000 && draft.maxTtlMs <= maxTtlMs))
    throw new AppError('invalid_argument', 'The longest TTL of a credential is from 1s to 1h, in whole milliseconds.');
  checkValue(value);
  mustNotShow(draft, value);
}

/** INV-11: what of a credential is shown, and given to agents, must not hold its value by a slip of the operator's. */
export function mustNotShow(
  { placeholder = '', environment }: Pick<CredentialDraft, 'placeholder' | 'environment'>,
  value: Uint8Array,
): void {
  const shown = new TextEncoder().encode([placeholder, ...environment.map((each) => each.value)].join('\n'));
  if (holds(shown, value))
    throw new AppError(
      'invalid_argument',
      'The value stands in the placeholder or in an environment variable, which agents are given. Write {placeholder} there.',
    );
}

function holds(bytes: Uint8Array, part: Uint8Array): boolean {
  for (let start = 0; start + part.length <= bytes.length; start += 1) {
    if (part.every((byte, index) => byte === bytes[start + index])) return true;
  }
  return false;
}
