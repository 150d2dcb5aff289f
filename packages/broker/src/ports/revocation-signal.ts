/**
 * Wakes watchers up after a commit. Carries no data: rows are the truth, a lost wake-up costs one polling interval, never a revocation.
 */
export interface RevocationSignal {
  /** Called after every commit that appended a revocation or changed a route. Never throws, never waits. */
  notify(): void;
  /** Calls `listener` soon after each `notify`, on any replica; several may be folded into one. Ends with the signal. */
  subscribe(listener: () => void, ended: AbortSignal): void;
}
