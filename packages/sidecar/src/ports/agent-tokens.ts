import type { AgentName } from './agents.ts';

/** Tokens of agents that prove themselves to us by other means: the broker takes nobody's word for it, ours included. */
export interface AgentTokens {
  /** Read anew each time, so that a rotated token is picked up. Throws AppError `identity_invalid` when there is none that may be used. */
  tokenOf(name: AgentName): Promise<string>;
}
