import type { AgentVariable } from '@leasehold/core';

/** That a variable was left as the user has set it, what that means, and what to do. Without its value. */
export interface KeptNote {
  readonly found: string;
  readonly advice: string;
}

export function keptNotes(kept: readonly string[], variables: readonly AgentVariable[]): readonly KeptNote[] {
  return kept.map((name) => ({
    found: `${name} is set in your environment and was kept: ${meaningOf(name, variables)}`,
    advice: 'Unset it for this command.',
  }));
}

function meaningOf(name: string, variables: readonly AgentVariable[]): string {
  const of = variables.find((each) => each.name === name);
  if (of !== undefined)
    return of.isBaseUrl
      ? `what reads it does not go to the base URL of ${of.credential}.`
      : `the command holds a value of its own for ${of.credential}, which is taken out of every call.`;
  if (/_proxy$/i.test(name)) return 'what reads it goes around the sidecar.';
  if (/CERT|CA_|_CA|CAINFO|ROOTS/.test(name)) return 'its file can not be read, and what reads it does not trust the sidecar.';
  return 'clients may behave differently.';
}
