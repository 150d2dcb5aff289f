import { once } from 'node:events';
import type { Writable } from 'node:stream';
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
  /** One fact a line, behind its label. */
  facts(facts: readonly (readonly [label: string, value: Cell])[]): void;
  /** Resolves when the reader has taken what was printed: for output without end. */
  drained(): Promise<void>;
}

export function createPrinter(options: {
  readonly isJson: boolean;
  readonly out: Writable & { readonly isTTY?: boolean };
  readonly env: NodeJS.ProcessEnv;
}): Printer {
  const { isJson, out, env } = options;
  const isColoured = out.isTTY === true && (env.NO_COLOR ?? '') === '';
  // The stream was looked at above; Node would look at another one.
  const bold = (text: string) => (isColoured ? styleText('bold', text, { validateStream: false }) : text);
  const print = (text: string) => out.write(`${text}\n`);
  return {
    isJson,
    line: (text) => print(printable(text)),
    json: (value) => print(JSON.stringify(value)),
    facts: (facts) => {
      const width = Math.max(...facts.map(([label]) => label.length));
      for (const [label, value] of facts) print(`${bold(label.padEnd(width))}  ${cellText(value)}`);
    },
    table: (headings, rows) => {
      const texts = rows.map((row) => row.map(cellText));
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
      if (out.isTTY === true) out.write(`\r\u001b[K${printable(text)}`);
    },
    drained: async () => {
      if (out.writableNeedDrain) await once(out, 'drain');
    },
  };
}

function cellText(cell: Cell): string {
  return cell === null ? '-' : printable(String(cell));
}

/** Paths in the audit trail and names of processes are chosen by agents: they must not steer the operator's terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�');
}
