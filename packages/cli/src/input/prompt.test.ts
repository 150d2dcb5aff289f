import { PassThrough, Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { prompt } from './prompt.ts';
import { askedValue } from './value.ts';

/** A terminal on which somebody types, and what it shows. */
function terminal(typed: string) {
  const input = new PassThrough();
  let shown = '';
  const output = new Writable({
    write: (chunk, _encoding, done) => {
      shown += chunk;
      done();
    },
  });
  input.write(typed);
  return { input, output, shown: () => shown };
}

describe('asking somebody', () => {
  test('the answer is what was typed, without its line end', async () => {
    expect(await prompt(terminal('yes\r'), 'Go on? ')).toBe('yes');
  });

  test.each([
    ['Ctrl-C', 'sk-half\u0003'],
    ['Ctrl-D', '\u0004'],
  ])('%s gives it up, and does not hang', async (_, typed) => {
    expect(await prompt(terminal(typed), 'Go on? ')).toBeUndefined();
  });

  test('a hidden answer is nowhere on the screen', async () => {
    const asked = terminal('sk-hidden-1\r');
    expect((await askedValue(asked)).toString()).toBe('sk-hidden-1');
    const shown = asked.shown();
    expect(shown).toContain('Value (not shown)');
    expect(shown).not.toMatch(/sk|hidden/);
  });

  test('letters beyond ASCII are not bent into others, so that they are refused and not stored', async () => {
    const bytes = await askedValue(terminal('key-ŝŝŝŝ\r'));
    expect(bytes.some((byte) => byte > 0x7e)).toBe(true);
  });
});
