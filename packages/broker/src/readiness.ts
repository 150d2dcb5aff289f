import { AppError, type Clock, elapsedMs, type Instant } from '@leasehold/core';
import type { ReadyCheck } from '@leasehold/runtime';

/** How long a store that could be written counts as one that can, ms. */
const goodForMs = 1_000;

/**
 * Whether the store takes a write, for whoever asks: and anybody may, without a proof, as often as he likes. So those who ask while one look is under
 * way share it, and its good answer serves for a second.
 */
export function createReadiness({ check, clock }: { readonly check: () => Promise<void>; readonly clock: Clock }): ReadyCheck {
  let lookedAt: Instant | undefined;
  let underWay: ReturnType<ReadyCheck> | undefined;

  async function look(): ReturnType<ReadyCheck> {
    const begin = clock.now();
    try {
      await check();
      lookedAt = begin;
      return { ready: true };
    } catch (thrown) {
      lookedAt = undefined;
      return { ready: false, why: AppError.from(thrown).message };
    } finally {
      underWay = undefined;
    }
  }

  return () => {
    if (lookedAt !== undefined && elapsedMs(lookedAt, clock.now()) < goodForMs) return Promise.resolve({ ready: true });
    underWay ??= look();
    return underWay;
  };
}
