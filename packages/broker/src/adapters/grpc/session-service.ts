import { type ServiceHandlers, type SessionService, type UnaryObserver, unary } from '@leasehold/contract/grpc';
import type { LendingUseCases } from '../../ports/use-cases.ts';
import { parseOpen } from './requests.ts';

export function createSessionService(lending: LendingUseCases, onCall: UnaryObserver): ServiceHandlers<typeof SessionService.method> {
  return {
    open: unary(async (request) => {
      const { agentToken, instance } = parseOpen(request);
      const { token, expiresInMs, ...opened } = await lending.openSession({ agentToken }, instance);
      return { ...opened, sessionToken: token, expiresInMs: BigInt(expiresInMs) };
    }, onCall),
  };
}
