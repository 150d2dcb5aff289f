import { type AgentVariable, mergeEnvironment } from '@leasehold/core';
import { type KeptNote, keptNotes } from './kept-notes.ts';
import type { OwnSidecar } from './own-sidecar.ts';

export interface CommandEnvironment {
  readonly environment: Readonly<Record<string, string>>;
  readonly notes: readonly KeptNote[];
}

/** What a command beside this sidecar starts with, out of what the user's environment is. */
export function commandEnvironment(
  env: NodeJS.ProcessEnv,
  { block, joined }: Pick<OwnSidecar, 'block' | 'joined'>,
  variables: readonly AgentVariable[],
): CommandEnvironment {
  const given = Object.fromEntries(Object.entries(env).filter(([name]) => joined[name] === undefined));
  const { environment, kept } = mergeEnvironment(given, { ...block, ...joined }, variables);
  return { environment, notes: keptNotes(kept, variables) };
}
