/** Keeps what was done until it is reported. `record` never throws and never waits; memory is bounded, what is dropped is counted. */
export interface UseLog {
  record(use: Use): void;
}

export interface Use {
  readonly credentialId: string;
  readonly leaseId: string;
  readonly method: string;
  readonly authority: string;
  /** Without query, as before injection. */
  readonly path: string;
  readonly outcome: string;
  readonly httpStatus: number;
}
