import { formatAuthority } from '@leasehold/core';
import { judgeTunnel, type UnmatchedPolicy } from '../domain/judge-tunnel.ts';
import { toError } from '../domain/refused.ts';
import type { AgentService } from '../ports/agent-service.ts';
import type { Routes } from '../ports/routes.ts';
import { createCompiledRoutes, notReady } from './compiled-routes.ts';
import { createHandleRequest, type HandleRequestOptions } from './handle-request.ts';
import type { KeptConnections } from './kept-connections.ts';

export interface AgentServiceOptions extends Omit<HandleRequestOptions, 'tableOf'> {
  readonly routes: Routes;
  readonly unmatched: UnmatchedPolicy;
  readonly kept: KeptConnections;
}

/** The use cases of one agent. Sidecar mode has one of these. */
export function createAgentService({ routes, unmatched, kept, ...options }: AgentServiceOptions): AgentService {
  const { metrics, useLog } = options;
  const tableOf = createCompiledRoutes(routes, options.agentName);
  return {
    handle: createHandleRequest({ ...options, tableOf }),
    judgeTunnel: (target) => {
      const table = tableOf();
      if (table === undefined) return { kind: 'refused', error: notReady(options.trouble?.()) };
      const judged = judgeTunnel(table, target, unmatched);
      return judged.kind === 'refused' ? { kind: 'refused', error: toError(judged) } : judged;
    },
    recordTunnel: (target, outcome, httpStatus) => {
      const authority = formatAuthority({ scheme: target.port === 80 ? 'http' : 'https', ...target });
      metrics.exchanged(outcome);
      useLog.record({ credentialId: '', leaseId: '', method: 'CONNECT', authority, path: '', outcome, httpStatus });
    },
    keep: kept.keep,
  };
}
