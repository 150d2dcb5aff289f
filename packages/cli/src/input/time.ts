/** RFC 3339, section 5.6: with date, time and offset. What a day's number alone or a local time would mean is not guessed. */
const rfc3339 = /^\d{4}-(\d{2})-(\d{2})T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/i;

/** Milliseconds since 1970; undefined for everything that is no RFC 3339 time. */
export function parseTime(text: string): number | undefined {
  const [, month, day] = rfc3339.exec(text) ?? [];
  const ms = Date.parse(text);
  if (day === undefined || Number.isNaN(ms)) return undefined;
  // Date.parse takes the 30th of February for a day in March.
  const daysOfMonth = new Date(Date.UTC(Number(text.slice(0, 4)), Number(month), 0)).getUTCDate();
  return Number(day) <= daysOfMonth ? ms : undefined;
}
