import type { Injection } from '@leasehold/core';

/** What must not come back: byte patterns that are, or give away, the value. */
export interface ScrubForms {
  readonly patterns: readonly Uint8Array[];
  /** Length of the longest. */
  readonly longest: number;
}

const mask = 0x2a; // *

/**
 * The spellings of a value in which an upstream could hand it back (INV-10): raw, URL-encoded, JSON-escaped, and base64 in all three
 * alignments, alone and as `user:value`; plain and URL-safe alphabet.
 */
export function scrubForms(value: string, injection: Injection): ScrubForms {
  const texts = new Set<string>([
    value,
    encodeURIComponent(value),
    lowerHex(encodeURIComponent(value)),
    formEncoded(value),
    jsonEscaped(value),
    slashEscaped(value),
  ]);
  for (const text of injection.kind === 'basic' ? [value, `${injection.username}:${value}`] : [value]) {
    for (const form of base64Forms(text)) texts.add(form);
  }
  const all = [...texts].filter((text) => text.length >= 6);
  // A pattern that holds another is found by the other.
  const needed = all.filter((text) => !all.some((other) => other !== text && text.includes(other)));
  const patterns = needed.map((text) => latin1(text));
  return { patterns, longest: Math.max(...patterns.map((pattern) => pattern.length)) };
}

/** Base64 of a text that may stand anywhere in a longer one: for each of three offsets, the characters that depend on the text alone. */
function base64Forms(text: string): readonly string[] {
  const forms: string[] = [];
  for (let offset = 0; offset < 3; offset += 1) {
    const encoded = btoa(' '.repeat(offset) + text);
    const first = Math.ceil((offset * 8) / 6);
    const last = Math.floor(((offset + text.length) * 8) / 6);
    const stable = encoded.slice(first, last);
    forms.push(stable, stable.replaceAll('+', '-').replaceAll('/', '_'), encodeURIComponent(stable), slashEscaped(stable));
  }
  return forms;
}

function lowerHex(text: string): string {
  return text.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase());
}

function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}

function jsonEscaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function slashEscaped(text: string): string {
  return jsonEscaped(text).replaceAll('/', '\\/');
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Scrubs a stream. Lengths stay: every byte of a pattern becomes `*`. */
export interface Scrubber {
  /** What may go out now. Holds back only an end that could be the beginning of a pattern, so that no event waits for the next one. */
  push(chunk: Buffer): Buffer | undefined;
  /** What was held back, once nothing more comes. */
  flush(): Buffer | undefined;
}

export function createScrubber({ patterns, longest }: ScrubForms): Scrubber {
  let held: Buffer | undefined;
  return {
    push(chunk) {
      const joined = held === undefined ? chunk : Buffer.concat([held, chunk]);
      held = undefined;
      const scrubbed = maskAll(joined, patterns);
      const keep = danglingLength(scrubbed, patterns, longest);
      if (keep === 0) return scrubbed;
      held = Buffer.from(scrubbed.subarray(scrubbed.length - keep));
      return keep === scrubbed.length ? undefined : scrubbed.subarray(0, scrubbed.length - keep);
    },
    flush() {
      const rest = held;
      held = undefined;
      return rest;
    },
  };
}

/** A header value, or any other short text, whole. */
export function scrubText(text: string, { patterns }: ScrubForms): string {
  const bytes = Buffer.from(text, 'latin1');
  const scrubbed = maskAll(bytes, patterns);
  return scrubbed === bytes ? text : scrubbed.toString('latin1');
}

function maskAll(bytes: Buffer, patterns: readonly Uint8Array[]): Buffer {
  let out = bytes;
  for (const pattern of patterns) {
    for (let at = out.indexOf(pattern); at !== -1; at = out.indexOf(pattern, at + pattern.length)) {
      // The chunk may share its memory with others: it is copied before the first change.
      if (out === bytes) out = Buffer.from(bytes);
      out.fill(mask, at, at + pattern.length);
    }
  }
  return out;
}

/** Length of the longest end that is a proper beginning of a pattern. */
function danglingLength(bytes: Buffer, patterns: readonly Uint8Array[], longest: number): number {
  const start = Math.max(0, bytes.length - longest + 1);
  let dangling = 0;
  for (const pattern of patterns) {
    const first = pattern[0] ?? -1;
    const from = Math.max(start, bytes.length - pattern.length + 1);
    for (let at = bytes.indexOf(first, from); at !== -1; at = bytes.indexOf(first, at + 1)) {
      const length = bytes.length - at;
      if (length <= dangling) break;
      if (bytes.compare(pattern, 0, length, at) === 0) {
        dangling = length;
        break;
      }
    }
  }
  return dangling;
}
