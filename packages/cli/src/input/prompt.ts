import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

/** Where somebody can be asked: a terminal, and where the question is shown, which is not where results go. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/** The line that is typed; undefined when it was given up with Ctrl-C or Ctrl-D. With `isHidden` nothing of it is shown. */
export async function prompt(
  { input, output }: Terminal,
  question: string,
  { isHidden = false }: { readonly isHidden?: boolean } = {},
): Promise<string | undefined> {
  output.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: isHidden ? nowhere : output, terminal: true, historySize: 0 });
  try {
    return await new Promise<string | undefined>((resolve) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(undefined));
    });
  } finally {
    lines.close();
    if (isHidden) output.write('\n');
  }
}
