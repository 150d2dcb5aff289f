const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `500ms`, `90s`, `5m`, `1h`, `2d`; undefined for everything else. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  const factor = unitMs[unit];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

/** The shortest exact spelling: `5m` for 300000. */
export function formatDuration(ms: number): string {
  const [unit, factor] = Object.entries(unitMs)
    .reverse()
    .find(([, each]) => ms >= each && ms % each === 0) ?? ['ms', 1];
  return `${ms / factor}${unit}`;
}
