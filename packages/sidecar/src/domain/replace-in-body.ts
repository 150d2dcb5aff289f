import { AppError, type BodyForm } from '@leasehold/core';
import type { RawHeaders } from './inject.ts';
import { ownBytes } from './own-bytes.ts';
import { maxReplacements, type PreparedPlaceholder, tooMany } from './replace-placeholder.ts';

const formOfType: readonly (readonly [form: BodyForm, type: RegExp])[] = [
  ['json', /^application\/(?:[a-z0-9.+-]*\+)?json\s*(?:;|$)/i],
  ['form', /^application\/x-www-form-urlencoded\s*(?:;|$)/i],
];

/**
 * The form of a body that has to be looked into (THREATS 2): the credential and the destination ask for it, and the message says that it has this form,
 * in clear. Undefined for every other body: it passes as it comes.
 */
export function bodyFormOf(
  asked: BodyForm | undefined,
  placeholder: PreparedPlaceholder | undefined,
  headers: RawHeaders,
): BodyForm | undefined {
  if (asked === undefined || placeholder?.places.has('body') !== true) return undefined;
  let type = '';
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = (headers[index] ?? '').toLowerCase();
    if (name === 'content-encoding' && headers[index + 1]?.toLowerCase() !== 'identity') return undefined;
    if (name === 'content-type') type = headers[index + 1] ?? '';
  }
  return formOfType.some(([form, pattern]) => form === asked && pattern.test(type)) ? asked : undefined;
}

/**
 * The body with the value in the place of the placeholder, spelled as its form wants it. Nothing but those words changes; without one it is the same
 * bytes. Throws AppError `bad_request` when it is no JSON, or holds the placeholder too often.
 */
export function replaceInBody(form: BodyForm, body: Buffer, prepared: PreparedPlaceholder): Buffer {
  // One character a byte: places in the text are places in the body.
  const text = body.toString('latin1');
  const words = form === 'json' ? wordsInJson(text, body, prepared) : wordsInForm(text, prepared);
  if (words.length === 0) return body;
  const value = ownBytes(form === 'json' ? JSON.stringify(prepared.value).slice(1, -1) : encodeURIComponent(prepared.value));
  const pieces: Buffer[] = [];
  let from = 0;
  for (const { start, end } of words) {
    pieces.push(body.subarray(from, start), value);
    from = end;
  }
  pieces.push(body.subarray(from));
  const whole = Buffer.allocUnsafeSlow(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) at += piece.copy(whole, at);
  value.fill(0);
  return whole;
}

interface Word {
  readonly start: number;
  readonly end: number;
}

/** In string values; names of members stay. In valid JSON a quote begins or ends a string and nothing else. */
function wordsInJson(text: string, body: Buffer, { placeholder, jsonWord }: PreparedPlaceholder): readonly Word[] {
  if (!text.includes(placeholder)) return [];
  mustBeJson(body);
  const words: Word[] = [];
  for (const { 0: literal, index } of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"/g)) {
    if (literal.length < placeholder.length || isName(text, index + literal.length)) continue;
    for (const found of literal.matchAll(jsonWord)) keep(words, index + found.index, found[0]);
  }
  return words;
}

function isName(text: string, after: number): boolean {
  let at = after;
  while (' \t\r\n'.includes(text[at] ?? '.')) at += 1;
  return text[at] === ':';
}

function mustBeJson(body: Buffer): void {
  try {
    JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new AppError(
      'bad_request',
      'The body says that it is JSON and is not, so the placeholder in it was not replaced. Send valid JSON.',
      {
        cause,
      },
    );
  }
}

/** In values; names of fields stay. One walk: an agent chooses how many words there are, and how far from the beginning of a pair. */
function wordsInForm(text: string, { encodedWord }: PreparedPlaceholder): readonly Word[] {
  const words: Word[] = [];
  let at = 0;
  let isValue = false;
  for (const { 0: word, index } of text.matchAll(encodedWord)) {
    for (; at < index; at += 1) {
      if (text[at] === '&') isValue = false;
      else if (text[at] === '=') isValue = true;
    }
    if (isValue) keep(words, index, word);
  }
  return words;
}

/** Stops at the first that is too many: what is refused is not read to its end. */
function keep(words: Word[], start: number, word: string): void {
  if (words.length === maxReplacements) throw tooMany();
  words.push({ start, end: start + word.length });
}
