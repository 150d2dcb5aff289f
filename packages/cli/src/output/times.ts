import { formatDuration } from '@leasehold/core';

/** `2026-01-31 12:00:00` in UTC: sorts as text, and lines up. */
export function shortTime(rfc3339: string | null): string | null {
  return rfc3339 === null ? null : rfc3339.slice(0, 19).replace('T', ' ');
}

export function shortDuration(ms: number): string {
  return formatDuration(ms >= 1_000 ? Math.round(ms / 1_000) * 1_000 : Math.round(ms));
}
