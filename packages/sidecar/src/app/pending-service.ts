import { AppError } from '@leasehold/core';
import { tunnelDestination } from '../domain/judge-tunnel.ts';
import { taught } from '../domain/refused.ts';
import { authorityOf } from '../domain/route.ts';
import type { ExchangeControl } from '../ports/agent-exchange.ts';
import type { AgentService } from '../ports/agent-service.ts';

/** The service of an agent that is still being proven: what is asked of it waits, and is refused with what came of the proof. */
export function createPendingService(arriving: Promise<AgentService>, onRefused: (code: AppError['code']) => void): AgentService {
  let arrived: AgentService | undefined;
  arriving.then(
    (service) => {
      arrived = service;
    },
    () => undefined,
  );
  return {
    handle(request, reply) {
      if (arrived !== undefined) return arrived.handle(request, reply);
      let isWaiting = true;
      let control: ExchangeControl | undefined;
      arriving.then(
        (service) => {
          if (isWaiting) control = service.handle(request, reply);
          isWaiting = false;
        },
        (thrown: unknown) => {
          if (!isWaiting) return;
          isWaiting = false;
          // In the words of any request that became nobody's: what was waited for must not show.
          const why = taught(AppError.from(thrown), { agent: undefined, destination: authorityOf(request.target) });
          reply.refuse(why);
          onRefused(why.code);
        },
      );
      return {
        drained: () => control?.drained(),
        stalled: (by) => control?.stalled(by),
        abandoned: () => {
          isWaiting = false;
          control?.abandoned();
        },
      };
    },
    async judgeTunnel(target) {
      try {
        return await (await arriving).judgeTunnel(target);
      } catch (thrown) {
        return { kind: 'refused', error: taught(AppError.from(thrown), { agent: undefined, destination: tunnelDestination(target) }) };
      }
    },
    recordTunnel(target, outcome, httpStatus) {
      arriving.then(
        (service) => service.recordTunnel(target, outcome, httpStatus),
        // Whoever proved to be nobody has no records: it is counted as one that was refused, which is all that it can be.
        (thrown: unknown) => onRefused(AppError.from(thrown).code),
      );
    },
    keep(cut) {
      if (arrived !== undefined) return arrived.keep(cut);
      let isKept = true;
      let letGo: (() => void) | undefined;
      arriving.then(
        (service) => {
          if (!isKept) return;
          letGo = service.keep(cut);
          if (letGo === undefined) cut();
        },
        // Whoever was not proven is answered, and may try again on the same connection.
        () => undefined,
      );
      return () => {
        isKept = false;
        letGo?.();
      };
    },
  };
}
