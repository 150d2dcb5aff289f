import type { Grant } from './grant.ts';

type Limits = Pick<Grant, 'ttlMs' | 'notAfter' | 'limits'>;

/** Whether anything that was allowed before is not allowed now: then what was lent under the old limits must end. */
export function isNarrower(before: Limits, after: Limits): boolean {
  return (
    after.ttlMs < before.ttlMs ||
    (after.notAfter ?? Number.POSITIVE_INFINITY) < (before.notAfter ?? Number.POSITIVE_INFINITY) ||
    (after.limits.ratePerMinute ?? Number.POSITIVE_INFINITY) < (before.limits.ratePerMinute ?? Number.POSITIVE_INFINITY) ||
    losesSome(before.limits.methods, after.limits.methods, (wanted, allowed) => wanted === allowed) ||
    losesSome(
      before.limits.pathPrefixes,
      after.limits.pathPrefixes,
      (wanted, allowed) => wanted === allowed || wanted.startsWith(allowed.endsWith('/') ? allowed : `${allowed}/`),
    )
  );
}

/** An empty list allows everything. */
function losesSome(before: readonly string[], after: readonly string[], covers: (wanted: string, allowed: string) => boolean): boolean {
  if (after.length === 0) return false;
  return before.length === 0 || before.some((wanted) => !after.some((allowed) => covers(wanted, allowed)));
}
