import type { Route } from '@leasehold/core';
import { plainSpelling } from './path-segment.ts';
import { readBasic } from './replace-placeholder.ts';
import { mayCarryCredential } from './strip.ts';

/** Placeholders of one agent, as words that may stand in a request, and whose they are. */
export interface PlaceholderIndex {
  readonly owners: ReadonlyMap<string, ReadonlySet<string>>;
  /** Nothing shorter is looked at. */
  readonly shortest: number;
}

/** A shorter one is no name, nor is one of several words: it may be anybody's dummy. */
const leastCharacters = 16;

export function indexPlaceholders(routes: readonly Route[]): PlaceholderIndex | undefined {
  const owners = new Map<string, Set<string>>();
  let shortest = Number.POSITIVE_INFINITY;
  for (const { placeholder = '', injection, credentialId } of routes) {
    if (placeholder.length < leastCharacters || placeholder.includes(' ')) continue;
    const segment = injection.kind === 'path' ? [injection.template.replace('{value}', () => placeholder)] : [];
    for (const word of [placeholder, ...segment]) owners.set(word, (owners.get(word) ?? new Set()).add(credentialId));
    shortest = Math.min(shortest, placeholder.length);
  }
  return owners.size === 0 ? undefined : { owners, shortest };
}

export interface Sent {
  readonly rawHeaders: readonly string[];
  /** With query. */
  readonly path: string;
}

/**
 * The credentials that a request names by their placeholders: one set for each different placeholder, which several credentials may share.
 * Looks where credentials are sent: at headers that may carry them, at query values and path segments, and there at whole words alone.
 */
export function namedBy({ owners, shortest }: PlaceholderIndex, { rawHeaders, path }: Sent): readonly ReadonlySet<string>[] {
  let named: Set<ReadonlySet<string>> | undefined;
  const look = (word: string) => {
    const found = owners.get(word);
    if (found !== undefined) named = (named ?? new Set()).add(found);
  };
  for (let index = 1; index < rawHeaders.length; index += 2) {
    const text = rawHeaders[index] ?? '';
    if (text.length < shortest) continue;
    const word = text.slice(text.lastIndexOf(' ') + 1);
    // The value first: nearly every header ends there, and its name need not be read.
    const words = word.length >= shortest && owners.has(word) ? [word] : (readBasic(text)?.split(':') ?? []);
    if (words.length > 0 && mayCarryCredential((rawHeaders[index - 1] ?? '').toLowerCase().replaceAll('_', '-'))) words.forEach(look);
  }
  if (path.length > shortest) lookInPath(path, shortest, look);
  return named === undefined ? [] : [...named];
}

function lookInPath(path: string, shortest: number, look: (word: string) => void): void {
  for (let start = 1; start < path.length; ) {
    let end = start;
    while (end < path.length && !isDelimiter(path.charCodeAt(end))) end += 1;
    if (end - start >= shortest) look(plainSpelling(path.slice(start, end)));
    start = end + 1;
  }
}

/** Of segments, and of names and values in a query. */
function isDelimiter(code: number): boolean {
  return code === 0x2f /* / */ || code === 0x3f /* ? */ || code === 0x26 /* & */ || code === 0x3d /* = */ || code === 0x3b /* ; */;
}
