import type { Authenticator } from '../ports/authenticator.ts';
import type { LendingUseCases, SessionClaims } from '../ports/use-cases.ts';

/** Signs and checks the tokens of sessions: stateless, so that any replica takes them. */
export interface SessionTokens {
  sign(claims: Omit<SessionClaims, 'expiresAt'>): { readonly token: string; readonly expiresInMs: number };
  /** Throws AppError `identity_invalid`. */
  verify(token: string): SessionClaims;
}

/** Turns a proof of identity into a session. */
export function createOpenSession(deps: {
  readonly agentTokens: Authenticator<string>;
  readonly sessionTokens: SessionTokens;
}): LendingUseCases['openSession'] {
  return async ({ agentToken }, instance) => {
    const { tenantId, tenantName, agentId, agentName, tokenVersion } = await deps.agentTokens.authenticate(agentToken);
    const { token, expiresInMs } = deps.sessionTokens.sign({
      tenantId,
      agentId,
      tokenVersion,
      instanceId: instance.id,
      instanceName: instance.name,
    });
    return { token, expiresInMs, tenantId, tenantName, agentId, agentName };
  };
}
