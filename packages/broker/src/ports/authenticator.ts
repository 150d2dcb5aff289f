/** A proven workload identity. */
export interface ProvenAgent {
  readonly tenantId: string;
  readonly tenantName: string;
  readonly agentId: string;
  readonly agentName: string;
  readonly tokenVersion: number;
}

/** Turns a proof into an identity. One implementation per kind of proof: agent token now, Kubernetes service account next. */
export interface Authenticator<Proof> {
  /** Throws AppError `identity_invalid`, the same for unknown, revoked and malformed proofs. */
  authenticate(proof: Proof): Promise<ProvenAgent>;
}
