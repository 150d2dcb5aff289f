import { AppError } from '@leasehold/core';
import type { Leases } from '../ports/leases.ts';

/** Leases under which only so many requests and streams may be in flight: one agent of many must not take all there is (THREATS 34). `hold` throws AppError `overloaded`. */
export function limitInFlight(leases: Leases & { readonly inFlight: number }, max: number): Leases {
  return {
    inHand: leases.inHand,
    borrow: leases.borrow,
    refusal: leases.refusal,
    hold(entry, held) {
      if (leases.inFlight >= max)
        throw new AppError(
          'overloaded',
          `This agent has ${max} requests in flight, as many as it may. Try again in a moment, or have an operator raise --max-in-flight-per-agent.`,
          { retryAfterS: 1 },
        );
      return leases.hold(entry, held);
    },
  };
}
