import { basicPair, type Injection } from '@leasehold/core';

/**
 * The spellings of a value in which an upstream could hand it back (INV-10): raw, percent-encoded, JSON-escaped, and base64 in all three
 * alignments, of the value and, for basic auth, of the pair. A key of letters and digits has four; others have more, since encoders differ.
 * Values are printable ASCII: they were judged before they were stored.
 */
export function secretSpellings(value: string, injection: Injection): readonly string[] {
  const spellings = new Set<string>([value, ...percentEncodings(value), ...jsonEscapings(value)]);
  for (const text of injection.kind === 'basic' ? [value, basicPair(injection.username, value)] : [value]) {
    for (const middle of base64Middles(text)) {
      const urlSafe = middle.replaceAll('+', '-').replaceAll('/', '_');
      for (const spelling of [middle, urlSafe, ...percentEncodings(middle), ...jsonEscapings(middle)]) spellings.add(spelling);
    }
  }
  return [...spellings];
}

/** What encoders leave as it is, besides letters and digits. */
const leftByEncoders = [
  "-_.!~*'()", // encodeURIComponent
  '-_.~', // RFC 3986 section 2.3
  '*-._', // forms (WHATWG URL, application/x-www-form-urlencoded)
  '-_.~/', // Python quote
  '-_.~$&+:=@', // Go PathEscape
  "-_.!~*'()$&+,=:@", // our own path segments
  "-_.!~*'();,/?:@&=+$#", // encodeURI
  '-_.!~*();,/?:@&=+$[]\\^`{|}%', // the query of a WHATWG URL: nearly everything
];

function percentEncodings(text: string): readonly string[] {
  return leftByEncoders.flatMap((left) => {
    const upper = replaceEach(text, (character) => (left.includes(character) ? character : `%${hexOf(character).toUpperCase()}`));
    const lower = replaceEach(text, (character) => (left.includes(character) ? character : `%${hexOf(character)}`));
    return [upper, lower, upper.replaceAll('%20', '+'), lower.replaceAll('%20', '+')];
  });
}

/** What JSON writers escape as `\u00xx`, besides what they must: nothing; what could end a script; that and quotes and plus. */
const escapedByWriters = ['', '<>&', '<>&\'"+`'];

function jsonEscapings(text: string): readonly string[] {
  return escapedByWriters.flatMap((escaped) =>
    [hexOf, (character: string) => hexOf(character).toUpperCase()].flatMap((hex) => {
      const written = replaceEach(text, (character) => {
        if (escaped.includes(character)) return `\\u00${hex(character)}`;
        return character === '"' || character === '\\' ? `\\${character}` : character;
      });
      return [written, written.replaceAll('/', '\\/')];
    }),
  );
}

/** Base64 of a text that may stand anywhere in a longer one: for each of three offsets, the characters that depend on the text alone. */
function base64Middles(text: string): readonly string[] {
  return [0, 1, 2].map((offset) => {
    const first = Math.ceil((offset * 8) / 6);
    const last = Math.floor(((offset + text.length) * 8) / 6);
    return btoa(' '.repeat(offset) + text).slice(first, last);
  });
}

function replaceEach(text: string, write: (character: string) => string): string {
  return text.replace(/[^A-Za-z0-9]/g, write);
}

function hexOf(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(2, '0');
}
