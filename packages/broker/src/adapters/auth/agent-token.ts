import { AppError } from '@leasehold/core';
import type { Authenticator } from '../../ports/authenticator.ts';
import type { Directory } from '../../ports/store.ts';
import { hashToken, isToken } from './token.ts';

/**
 * Proof outside Kubernetes: a token that names nobody else. Suspended agents pass: they stay in step, and every lease is denied to them;
 * deleted ones are unknown.
 */
export function createAgentTokenAuthenticator({
  directory,
}: {
  readonly directory: Pick<Directory, 'agentByTokenHash'>;
}): Authenticator<string> {
  return {
    async authenticate(token) {
      const found = isToken('agent', token) ? await directory.agentByTokenHash(hashToken(token)) : undefined;
      if (found === undefined || found.agent.status === 'deleted') {
        throw new AppError(
          'identity_invalid',
          'This agent token is not valid. An operator makes a new one with: leasehold agent rotate-token NAME',
        );
      }
      const { tenant, agent } = found;
      return { tenantId: tenant.id, tenantName: tenant.name, agentId: agent.id, agentName: agent.name, tokenVersion: agent.tokenVersion };
    },
  };
}
