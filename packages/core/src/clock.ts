/**
 * One reading of both clocks of this machine, in milliseconds.
 * Either can fail us alone: the monotonic clock stops while the machine is suspended, the wall clock can be stepped.
 */
export interface Instant {
  readonly monoMs: number;
  readonly wallMs: number;
}

export interface Clock {
  now(): Instant;
}

/**
 * Milliseconds between two readings: the larger of the two differences, so that what ages by it may close early, never late (INV-7).
 */
export function elapsedMs(from: Instant, to: Instant): number {
  return Math.max(to.monoMs - from.monoMs, to.wallMs - from.wallMs);
}
