import { createClient, SessionService } from '@leasehold/contract/grpc';
import type { AgentProver } from '../../ports/agent-prover.ts';
import { type BrokerLink, channelTo } from './channel.ts';

export interface GrpcAgentProverOptions extends BrokerLink {
  readonly instanceId: string;
  readonly instanceName: string;
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
  const { target, instanceId, instanceName, deadlineMs } = options;
  const channel = channelTo(options);
  const sessions = createClient(SessionService, channel.credentials, target, channel.options);
  return {
    async prove(agentToken) {
      const request = { proof: { case: 'agentToken', value: agentToken }, instanceId, instanceName } as const;
      const { tenantId, tenantName, agentId, agentName } = await sessions.open(request, { deadlineMs });
      return { tenantId, tenantName, agentId, agentName };
    },
    close: () => sessions.close(),
  };
}
