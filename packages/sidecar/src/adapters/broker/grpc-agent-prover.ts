import { fromServiceError } from '@leasehold/contract/grpc';
import type { Clock } from '@leasehold/core';
import type { AgentProver } from '../../ports/agent-prover.ts';
import { createBrokerClients } from './broker-clients.ts';
import type { BrokerLink } from './channel.ts';

export interface GrpcAgentProverOptions extends BrokerLink {
  readonly instanceId: string;
  readonly instanceName: string;
  readonly clock: Clock;
  /** How long a proof may take. */
  readonly deadlineMs: number;
}

export interface GrpcAgentProver extends AgentProver {
  close(): void;
}

/**
 * Proves tokens by opening a session with each, all over one connection: a flood of wrong ones must not cost a handshake apiece. The session is
 * let go; whoever is proven opens one on a connection of its own.
 */
export function createGrpcAgentProver(options: GrpcAgentProverOptions): GrpcAgentProver {
  const { instanceId, instanceName, deadlineMs } = options;
  const clients = createBrokerClients(options);
  return {
    async prove(agentToken) {
      clients.watching();
      const request = { proof: { case: 'agentToken', value: agentToken }, instanceId, instanceName } as const;
      try {
        const { tenantId, tenantName, agentId, agentName } = await clients.sessionService.open(request, { deadlineMs });
        clients.heard();
        return { tenantId, tenantName, agentId, agentName };
      } catch (thrown) {
        const why = fromServiceError(thrown);
        if (why.code !== 'broker_unreachable') clients.heard();
        throw why;
      }
    },
    close: clients.close,
  };
}
