/** A token bucket: `ratePerMinute` tokens at most, refilled evenly. */
export interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

export type Taken = { readonly kind: 'taken'; readonly bucket: Bucket } | { readonly kind: 'empty'; readonly retryAfterS: number };

/** Takes one token. `nowMs` is monotonic. */
export function takeToken(bucket: Bucket | undefined, ratePerMinute: number, nowMs: number): Taken {
  const perMs = ratePerMinute / 60_000;
  const tokens = bucket === undefined ? ratePerMinute : Math.min(ratePerMinute, bucket.tokens + Math.max(0, nowMs - bucket.atMs) * perMs);
  if (tokens >= 1) return { kind: 'taken', bucket: { tokens: tokens - 1, atMs: nowMs } };
  return { kind: 'empty', retryAfterS: Math.max(1, Math.ceil((1 - tokens) / perMs / 1_000)) };
}
