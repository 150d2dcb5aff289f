import type { AgentService } from './agent-service.ts';

/** What came with a request, or below it, to show which agent sends it. */
export interface IdentityProof {
  /** The agent token of `Proxy-Authorization`. Never logged and never forwarded. */
  readonly token: string | undefined;
  /** What a verified client certificate names; undefined when there is none. */
  readonly certified: AgentName | undefined;
  /** The address that it came from: for limits alone, since an address is no identity (THREATS 17). */
  readonly from: string;
  /** Called once the proof has held, before the agent's service gets anything of it. */
  readonly onProven: () => void;
}

export interface AgentName {
  readonly tenant: string;
  readonly agent: string;
}

/** Finds who serves an agent. A sidecar serves whoever reaches it as its one agent; a gateway serves those who prove who they are. */
export interface Agents {
  /**
   * Whose service it is. An agent that still has to be proven has one that waits for it, and refuses with what came of it. Throws AppError
   * `identity_missing`, `identity_invalid` (the same for unknown, revoked and malformed proofs) or `overloaded` where that is known already.
   */
  serviceFor(proof: IdentityProof): AgentService;
}
