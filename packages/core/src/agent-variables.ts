import type { EnvironmentVariable } from './environment.ts';

/** A variable with its value filled in: what an agent with the grant is given. */
export interface AgentVariable extends EnvironmentVariable {
  readonly credential: string;
  /** Whether it leads an SDK to the base URL; such ones are for agents that choose that way. */
  readonly isBaseUrl: boolean;
}

export interface LentVariables {
  readonly credentialName: string;
  readonly placeholder: string | undefined;
  readonly environment: readonly EnvironmentVariable[];
}

/**
 * The variables of all credentials that were granted, for a sidecar at `proxyUrl` (http://127.0.0.1:PORT). Where two credentials set one variable,
 * the one whose name sorts first wins: which key an SDK is given must not hang on the order of grants. Nothing here is secret.
 */
export function agentVariables(granted: readonly LentVariables[], proxyUrl: string): readonly AgentVariable[] {
  const variables = new Map<string, AgentVariable>();
  for (const { credentialName, placeholder, environment } of granted.toSorted(byName)) {
    const baseUrl = `${proxyUrl}/${credentialName}`;
    for (const { name, value } of environment) {
      if (variables.has(name) || (placeholder === undefined && value.includes('{placeholder}'))) continue;
      const filled = value.replaceAll('{base_url}', baseUrl).replaceAll('{placeholder}', () => placeholder ?? '');
      variables.set(name, { credential: credentialName, name, value: filled, isBaseUrl: value.includes('{base_url}') });
    }
  }
  return [...variables.values()];
}

function byName(one: LentVariables, other: LentVariables): number {
  return one.credentialName < other.credentialName ? -1 : 1;
}
