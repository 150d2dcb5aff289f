import { styleText } from 'node:util';

/** What the tour prints: steps, what they showed, and one line when something is not as it should be. */
export interface Screen {
  title(text: string): void;
  step(text: string): void;
  /** A command as an operator types it. */
  command(text: string): void;
  fact(text: string): void;
  good(text: string): void;
  block(text: string): void;
}

type Style = Parameters<typeof styleText>[0];

/** Colour only on a terminal, and none with NO_COLOR. */
export function createScreen(out: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Screen {
  const coloured = out.isTTY && (env.NO_COLOR ?? '') === '';
  const paint = (style: Style, text: string) => (coloured ? styleText(style, text) : text);
  const print = (text: string) => out.write(`${text}\n`);
  let steps = 0;
  return {
    title: (text) => print(`\n${paint('bold', text)}`),
    step: (text) => {
      steps += 1;
      print(`\n${paint('bold', `${steps}. ${text}`)}`);
    },
    command: (text) => print(`   ${paint('dim', '$')} ${paint('cyan', text)}`),
    fact: (text) => print(`   ${text}`),
    good: (text) => print(`   ${paint('green', '✓')} ${text}`),
    block: (text) => print(text.trimEnd().replaceAll(/^/gm, '   ')),
  };
}
