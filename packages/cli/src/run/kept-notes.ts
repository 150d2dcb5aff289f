import type { AgentVariable } from '@leasehold/core';

/** What it means that variables were left as the user has set them: one line each, without their values. */
export function keptNotes(kept: readonly string[], variables: readonly AgentVariable[]): readonly string[] {
  return kept.map((name) => `${name} is set in your environment and was kept: ${meaningOf(name, variables)}`);
}

function meaningOf(name: string, variables: readonly AgentVariable[]): string {
  const of = variables.find((each) => each.name === name);
  if (of !== undefined)
    return of.isBaseUrl
      ? `what reads it does not go to the base URL of ${of.credential}.`
      : `the command holds a value of its own for ${of.credential}, which is taken out of every call.`;
  if (/_proxy$/i.test(name)) return 'what reads it goes around the sidecar. Unset it for this command.';
  if (/CERT|CA_|_CA|CAINFO|ROOTS/.test(name))
    return 'what reads it does not trust the certificates of the sidecar. Unset it for this command.';
  return 'clients may behave differently.';
}
