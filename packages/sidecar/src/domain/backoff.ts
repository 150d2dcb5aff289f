export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** How long to wait before attempt `attempt` (from 0): doubles up to `maxMs`, spread over the upper three quarters so that a crowd comes back spread out. */
export function backoffMs(backoff: Backoff, attempt: number, random: number): number {
  const ceiling = Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(attempt, 30));
  return ceiling * (0.25 + 0.75 * random);
}
