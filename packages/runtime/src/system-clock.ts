import type { Clock, Instant } from '@leasehold/core';

/** This machine's clocks. */
export const systemClock: Clock = {
  now: (): Instant => ({ monoMs: performance.now(), wallMs: Date.now() }),
};
