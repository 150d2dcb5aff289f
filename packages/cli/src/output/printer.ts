import { styleText } from 'node:util';

export type Cell = string | number | null;

/** Where a command's results go: a table or a sentence for people, one JSON object a line for programs. */
export interface Printer {
  readonly isJson: boolean;
  /** For people only; on a terminal with colour, unless NO_COLOR is set. */
  line(text: string): void;
  json(value: object): void;
  /** Aligned columns under headings. */
  table(headings: readonly string[], rows: readonly (readonly Cell[])[]): void;
  /** Overwritten by the next one on a terminal; left out elsewhere. */
  progress(text: string): void;
  bold(text: string): string;
}

export function createPrinter(options: {
  readonly isJson: boolean;
  readonly out: NodeJS.WriteStream;
  readonly env: NodeJS.ProcessEnv;
}): Printer {
  const { isJson, out, env } = options;
  const isColoured = out.isTTY === true && (env.NO_COLOR ?? '') === '';
  const bold = (text: string) => (isColoured ? styleText('bold', text) : text);
  const print = (text: string) => out.write(`${text}\n`);
  return {
    isJson,
    bold,
    line: print,
    json: (value) => print(JSON.stringify(value)),
    table: (headings, rows) => {
      const texts = rows.map((row) => row.map((cell) => (cell === null ? '-' : String(cell))));
      const widths = headings.map((heading, column) => Math.max(heading.length, ...texts.map((row) => row[column]?.length ?? 0)));
      const aligned = (row: readonly string[]) =>
        row
          .map((text, column) => text.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd();
      print(bold(aligned(headings)));
      for (const row of texts) print(aligned(row));
      if (rows.length === 0) print('(none)');
    },
    progress: (text) => {
      if (out.isTTY === true) out.write(`\r\u001b[K${text}`);
    },
  };
}
