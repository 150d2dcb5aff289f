import type { ConfirmationProgress, RevocationReceipt } from './use-cases.ts';

/** The sidecars that are connected to this replica: what `--wait` and `status` look at. Implemented by `app/watch-revocations.ts`. */
export interface Watchers {
  connected(): readonly ConnectedSidecar[];
  /** See AdminUseCases.confirmations. Sidecars that left less than max_staleness ago count, as outstanding. */
  confirmations(tenantId: string, revocation: RevocationReceipt, ended: AbortSignal): AsyncIterable<ConfirmationProgress>;
  /** See AdminUseCases.confirmationsOfAll. */
  confirmationsOfAll(committedAt: number, ended: AbortSignal): AsyncIterable<ConfirmationProgress>;
}

export interface ConnectedSidecar {
  readonly tenantId: string;
  readonly agentId: string;
  readonly instanceName: string;
  readonly appliedSeq: number;
  readonly connectedForMs: number;
}
