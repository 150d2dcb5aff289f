/** An agent as the broker knows it. Ids decide; names are for people. */
export interface ProvenAgent {
  readonly tenantId: string;
  readonly tenantName: string;
  readonly agentId: string;
  readonly agentName: string;
}

/** Has the broker say whose token it is. */
export interface AgentProver {
  /** Throws AppError `identity_invalid`, the same for unknown, revoked and malformed tokens, or `broker_unreachable`. */
  prove(agentToken: string): Promise<ProvenAgent>;
}
