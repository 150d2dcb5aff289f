/** A path segment that carries a credential: `bot{value}` parted at the value, and what it looks like with the credential's own placeholder. */
export interface PathSegment {
  readonly before: string;
  readonly after: string;
  readonly withPlaceholder: string | undefined;
}

export function pathSegment(template: string, placeholder: string | undefined): PathSegment {
  const [before = '', after = ''] = template.split('{value}');
  return { before, after, withPlaceholder: placeholder === undefined ? undefined : `${before}${placeholder}${after}` };
}

/** The path that policy judges: as if the credential were not in it. `path` has no query. */
export function withoutSegment(path: string, segment: PathSegment): string {
  const place = agentsPlace(path, path.length, segment);
  if (place === undefined) return path;
  const rest = path.slice(0, place.start - 1) + path.slice(place.end);
  return rest === '' ? '/' : rest;
}

/** The path with ours in the place of the agent's own segment, whatever that holds (INV-9), else ahead of the others. */
export function withSegment(pathAndQuery: string, segment: PathSegment, encoded: string): string {
  const ours = `${segment.before}${encoded}${segment.after}`;
  const mark = pathAndQuery.indexOf('?');
  const place = agentsPlace(pathAndQuery, mark === -1 ? pathAndQuery.length : mark, segment);
  if (place === undefined) return `/${ours}${pathAndQuery}`;
  return pathAndQuery.slice(0, place.start) + ours + pathAndQuery.slice(place.end);
}

interface Place {
  readonly start: number;
  readonly end: number;
}

/**
 * The segment with our placeholder, wherever it is: Telegram's files are under `/file/bot…/`. Else the first one, if it has the template's shape:
 * an agent may have a token of its own there. A template without text of its own has no shape that could be told from other segments.
 */
function agentsPlace(path: string, pathEnd: number, { before, after, withPlaceholder }: PathSegment): Place | undefined {
  if (withPlaceholder !== undefined) {
    for (let start = 1; start < pathEnd; ) {
      const end = segmentEnd(path, start, pathEnd);
      if (end - start >= withPlaceholder.length && plainSpelling(path.slice(start, end)) === withPlaceholder) return { start, end };
      start = end + 1;
    }
  }
  if (before === '' && after === '') return undefined;
  const end = segmentEnd(path, 1, pathEnd);
  const first = path.slice(1, end);
  const hasShape = first.length >= before.length + after.length && first.startsWith(before) && first.endsWith(after);
  return hasShape ? { start: 1, end } : undefined;
}

function segmentEnd(path: string, start: number, pathEnd: number): number {
  const slash = path.indexOf('/', start);
  return slash === -1 || slash > pathEnd ? pathEnd : slash;
}

/** Some encoders write more escapes than they need to: these are the characters of a placeholder that they may escape. */
export function plainSpelling(text: string): string {
  return text.includes('%') ? text.replace(/%3a/gi, ':').replace(/%7e/gi, '~') : text;
}

/** A value as one segment: what RFC 3986 section 3.3 lets stand there is left, all but ";". */
export function encodeSegment(value: string): string {
  return encodeURIComponent(value).replace(/%(?:24|26|2B|2C|3D|3A|40)/g, decodeURIComponent);
}
