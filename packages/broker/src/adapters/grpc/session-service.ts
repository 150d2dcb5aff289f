import { type ServiceHandlers, type SessionService, type UnaryObserver, unary } from '@leasehold/contract/grpc';
import type { LendingUseCases, SessionClaims } from '../../ports/use-cases.ts';
import { parseOpen } from './requests.ts';

export function createSessionService(
  lending: LendingUseCases,
  onProven: (peer: string, caller: Pick<SessionClaims, 'tenantId'>) => void,
  onCall: UnaryObserver,
): ServiceHandlers<typeof SessionService.method> {
  return {
    open: unary(async (request, call) => {
      const { agentToken, instance } = parseOpen(request);
      const { token, expiresInMs, ...opened } = await lending.openSession({ agentToken }, instance);
      onProven(call.getPeer(), opened);
      return { ...opened, sessionToken: token, expiresInMs: BigInt(expiresInMs) };
    }, onCall),
  };
}
