import { AppError, type Route } from '@leasehold/core';
import { LRUCache } from 'lru-cache';
import { type Bucket, takeToken } from '../domain/rate-limit.ts';

const maxGrants = 4_096;

/** Requests a minute per grant, as the routes say: a lease may be older than a rate that was raised, and lives for as long as it is used. Throws nothing: undefined means go on. */
export function createRateLimiter(): (route: Route, nowMs: number) => AppError | undefined {
  const buckets = new LRUCache<string, Bucket>({ max: maxGrants });
  return ({ grantId, limits: { ratePerMinute } }, nowMs) => {
    if (ratePerMinute === undefined) return undefined;
    const taken = takeToken(buckets.get(grantId), ratePerMinute, nowMs);
    if (taken.kind === 'taken') {
      buckets.set(grantId, taken.bucket);
      return undefined;
    }
    return new AppError('rate_limited', `The grant allows ${ratePerMinute} requests a minute. Slow down, or ask an operator for more.`, {
      retryAfterS: taken.retryAfterS,
    });
  };
}
