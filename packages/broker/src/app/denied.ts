import { AppError, type ErrorCode } from '@leasehold/core';
import type { Agent } from '../domain/agent.ts';

const nextSteps: Partial<Record<ErrorCode, string>> = {
  no_grant: 'This agent has no grant for this credential. An operator allows it with: leasehold grant add --agent AGENT --credential NAME',
  grant_expired: 'The grant has run out. An operator renews it with: leasehold grant add --agent AGENT --credential NAME --not-after TIME',
  credential_suspended: 'The credential is suspended. An operator resumes it with: leasehold credential resume NAME',
  agent_suspended: 'This agent is suspended. An operator resumes it with: leasehold agent resume NAME',
  tenant_suspended: 'This tenant is suspended. Ask its operator.',
  lease_ended: 'This lease is no longer live. Acquire a new one.',
  identity_invalid: 'This agent token is not valid. An operator makes a new one with: leasehold agent rotate-token NAME',
};

/** The answer to a denial that is in the trail already. */
export function denied(reason: ErrorCode): AppError {
  return new AppError(reason, nextSteps[reason] ?? 'This was refused.');
}

/** A session outlives the agent token that it was opened with; what it may still do does not. */
export function mustBeCurrent(agent: Agent | undefined, tokenVersion: number): void {
  if (agent === undefined || agent.status === 'deleted' || agent.tokenVersion !== tokenVersion) throw denied('identity_invalid');
}
