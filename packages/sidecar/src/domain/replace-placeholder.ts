import { AppError, type PlaceholderPlace } from '@leasehold/core';
import { encodeSegment } from './path-segment.ts';
import { mayCarryCredential } from './strip.ts';

/** What turns a credential's placeholder into its value. Made once for a lease. */
export interface PreparedPlaceholder {
  readonly places: ReadonlySet<PlaceholderPlace>;
  readonly placeholder: string;
  /** The placeholder as a whole word, in plain text. */
  readonly word: RegExp;
  /** The same in a path, a query or a form, where some of its characters may be percent-encoded. */
  readonly encodedWord: RegExp;
  /** The same inside a JSON string, quotes included. */
  readonly jsonWord: RegExp;
  readonly value: string;
}

export function preparePlaceholder(places: readonly PlaceholderPlace[], placeholder: string, value: string): PreparedPlaceholder {
  const escaped = placeholder.replaceAll('.', '\\.').replaceAll('-', '\\-');
  const spelled = escaped.replaceAll(':', '(?::|%3[Aa])').replaceAll('~', '(?:~|%7[Ee])');
  return {
    places: new Set(places),
    placeholder,
    word: new RegExp(`(?<![${wordly}])${escaped}(?![${wordly}])`, 'g'),
    encodedWord: new RegExp(`(?<=^|[^${wordly}]|%[0-9A-Fa-f]{2})${spelled}(?![${wordly}])`, 'g'),
    jsonWord: new RegExp(`(?<=[^${wordly}]|\\\\[bfnrt]|\\\\u[0-9A-Fa-f]{4})${escaped}(?![${wordly}])`, 'g'),
    value,
  };
}

/** Part of a word when they stand beside it. */
const wordly = 'A-Za-z0-9_.~\\-';

/** A value may be 16 KiB long: an agent must not make gigabytes of a few kilobytes (THREATS 39). */
export const maxReplacements = 16;

/** Replaces in one request. Whatever does not hold the placeholder stays as it is, byte by byte. */
export interface Replacing {
  /** Undefined when the header does not hold the placeholder, or can't carry a credential. `foldedName` is in lower case, with dashes. */
  header(foldedName: string, text: string): string | undefined;
  path(pathAndQuery: string): string;
}

/** Its methods throw AppError `bad_request` when the placeholder stands in too many places. */
export function startReplacing(prepared: PreparedPlaceholder): Replacing {
  const { places, placeholder, word, encodedWord, value } = prepared;
  let count = 0;
  const replace = (text: string, pattern: RegExp, by: string): string =>
    text.replace(pattern, () => {
      count += 1;
      if (count > maxReplacements) throw tooMany();
      return by;
    });

  return {
    header(foldedName, text) {
      if (!places.has('header') || !mayCarryCredential(foldedName)) return undefined;
      if (text.includes(placeholder)) {
        const replaced = replace(text, word, value);
        return replaced === text ? undefined : replaced;
      }
      const login = readBasic(text);
      if (login === undefined || !login.includes(placeholder)) return undefined;
      const replaced = replace(login, word, value);
      return replaced === login ? undefined : `Basic ${btoa(replaced)}`;
    },
    path(pathAndQuery) {
      const mark = pathAndQuery.indexOf('?');
      const path = mark === -1 ? pathAndQuery : pathAndQuery.slice(0, mark);
      const query = mark === -1 ? '' : pathAndQuery.slice(mark);
      const newPath = places.has('path') ? replace(path, encodedWord, encodeSegment(value)) : path;
      return newPath + (places.has('query') ? replace(query, encodedWord, encodeURIComponent(value)) : query);
    },
  };
}

export function tooMany(): AppError {
  return new AppError('bad_request', `The placeholder stands in more than ${maxReplacements} places of this request. Send it once.`);
}

/** `user:password` of RFC 7617; undefined for another scheme, or what is no base64. */
export function readBasic(text: string): string | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(text) ?? [];
  if (encoded === undefined) return undefined;
  try {
    return atob(encoded);
  } catch {
    return undefined;
  }
}
