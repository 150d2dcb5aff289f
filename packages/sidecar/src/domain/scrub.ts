import type { Injection } from '@leasehold/core';
import { ownBytes } from './own-bytes.ts';
import { createPatternSearch, type PatternSearch } from './pattern-search.ts';
import { secretSpellings } from './secret-spellings.ts';

/** What must not come back. Made once for a lease; it dies with the last response that needs it, which may outlive the lease by `stream_grace`. */
export interface ScrubForms {
  readonly search: PatternSearch;
}

export function scrubForms(value: string, injection: Injection): ScrubForms {
  return { search: createPatternSearch(secretSpellings(value, injection).map(ownBytes)) };
}

/** Scrubs a stream (INV-10). Lengths stay: every byte of a spelling becomes `*`. */
export interface Scrubber {
  /** What may go out now. Holds back only an end that could be the beginning of a spelling, so that no event waits for the next one. */
  push(chunk: Buffer): Buffer | undefined;
  /** What was held back, once nothing more comes. */
  flush(): Buffer | undefined;
}

export function createScrubber({ search }: ScrubForms): Scrubber {
  let held: Buffer | undefined;
  /** How many of the held bytes belong to a spelling that is complete already: spellings may overlap. */
  let covered = 0;
  return {
    push(chunk) {
      const bytes = held === undefined ? chunk : Buffer.concat([held, chunk]);
      const first = search.next(bytes, 0);
      const dangling = search.danglingAt(bytes);
      if (first === -1 && covered === 0 && dangling === bytes.length) {
        held = undefined;
        return bytes;
      }
      const { masked, end } = maskFrom(bytes, first, covered, search);
      const isOurs = held !== undefined && masked !== bytes;
      held = dangling === bytes.length ? undefined : Buffer.from(bytes.subarray(dangling));
      if (isOurs) bytes.fill(0);
      covered = Math.max(0, end - dangling);
      return dangling === 0 ? undefined : masked.subarray(0, dangling);
    },
    flush() {
      const rest = held?.fill(mask, 0, covered);
      held = undefined;
      covered = 0;
      return rest;
    },
  };
}

/** A header value, or any other short text, whole. */
export function scrubText(text: string, { search }: ScrubForms): string {
  if (text.length < search.shortest) return text;
  const bytes = Buffer.from(text, 'latin1');
  const first = search.next(bytes, 0);
  if (first === -1) return text;
  const { masked } = maskFrom(bytes, first, 0, search);
  bytes.fill(0);
  return masked.toString('latin1');
}

/** Flat headers or trailers, in place, names too. Most are shorter than any spelling, and done. */
export function scrubHeaders(headers: string[], forms: ScrubForms): void {
  const { shortest } = forms.search;
  for (let index = 0; index < headers.length; index += 1) {
    const text = headers[index] ?? '';
    if (text.length >= shortest) headers[index] = scrubText(text, forms);
  }
}

const mask = 0x2a; // *

/**
 * Masks the first `covered` bytes and every spelling from `first` on, overlapping ones too: half of one must not stay because the other half
 * was masked as part of another. `end` is where the last masked byte ends. The bytes themselves may be shared with others: a copy is changed.
 */
function maskFrom(bytes: Buffer, first: number, covered: number, search: PatternSearch): { readonly masked: Buffer; readonly end: number } {
  if (first === -1 && covered === 0) return { masked: bytes, end: 0 };
  const masked = Buffer.from(bytes).fill(mask, 0, covered);
  let end = covered;
  for (let at = first; at !== -1; at = search.next(bytes, at + 1)) {
    const after = at + search.lengthAt(bytes, at);
    if (after <= end) continue;
    masked.fill(mask, Math.max(at, end), after);
    end = after;
  }
  return { masked, end };
}
