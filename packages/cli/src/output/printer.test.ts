import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { createPrinter } from './printer.ts';

function printer({ isTTY = false, env = {}, isJson = false }: { isTTY?: boolean; env?: NodeJS.ProcessEnv; isJson?: boolean } = {}) {
  let shown = '';
  const screen = new Writable({
    write: (chunk, _encoding, done) => {
      shown += chunk;
      done();
    },
  });
  return { print: createPrinter({ isJson, out: Object.assign(screen, { isTTY }), env }), text: () => shown };
}

describe('results for people', () => {
  test('columns are aligned, and what is not there is a dash', () => {
    const { print, text } = printer();
    print.table(
      ['NAME', 'N'],
      [
        ['a', 1],
        ['longer-name', null],
      ],
    );
    expect(text()).toBe('NAME         N\na            1\nlonger-name  -\n');
  });

  test('an empty table says so', () => {
    const { print, text } = printer();
    print.table(['NAME'], []);
    expect(text()).toBe('NAME\n(none)\n');
  });

  test('there is colour on a terminal only, and none where NO_COLOR is set', () => {
    const coloured = (options: Parameters<typeof printer>[0]) => {
      const { print, text } = printer(options);
      print.table(['NAME'], [['a']]);
      return text().includes('\u001b[');
    };
    expect([coloured({ isTTY: true }), coloured({}), coloured({ isTTY: true, env: { NO_COLOR: '1' } })]).toEqual([true, false, false]);
  });

  test('progress is shown on a terminal only', () => {
    const [terminal, pipe] = [printer({ isTTY: true }), printer()];
    for (const { print } of [terminal, pipe]) print.progress('1 of 2');
    expect([terminal.text().endsWith('1 of 2'), pipe.text()]).toEqual([true, '']);
  });

  test('what agents chose does not steer the terminal', () => {
    const { print, text } = printer({ isTTY: true, env: { NO_COLOR: '1' } });
    const hostile = '/v1\u001b]0;gotcha\u0007\u009b2J\r\nfake row\u202e';
    print.table(['WHAT'], [[hostile]]);
    print.line(hostile);
    print.facts([['what', hostile]]);
    const shown = text();
    expect([...shown].filter((letter) => letter !== '\n' && /[\p{Cc}\p{Cf}]/u.test(letter))).toEqual([]);
    expect(shown.trimEnd().split('\n')).toHaveLength(4);
  });
});

test('results for programs are one object a line', () => {
  const { print, text } = printer({ isJson: true });
  print.json({ name: 'a\nb' });
  print.json({ name: 'c' });
  expect(text()).toBe('{"name":"a\\nb"}\n{"name":"c"}\n');
});
