import { AppError } from '@leasehold/core';

/** The result, or AppError `store_unavailable` after `ms`; what comes later is dropped. */
export async function withinTime<T>(work: Promise<T>, ms: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new AppError('store_unavailable', 'The store did not answer in time.')), ms);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
