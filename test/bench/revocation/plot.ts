import { type RevocationResults, targets } from './results.ts';

const width = 640;
const height = 320;
const area = { left: 60, right: 620, top: 20, bottom: 270 };
const series = [
  { name: 'p50', colour: '#2a9d8f' },
  { name: 'p99', colour: '#e09f3e' },
  { name: 'max', colour: '#c1443c' },
] as const;

/** Both axes are logarithmic: sidecars from 1 to 10,000, and 1 ms to 10 s. */
export function plotOf({ fanOut }: RevocationResults): string {
  const x = (sidecars: number) => area.left + (Math.log10(sidecars) / 4) * (area.right - area.left);
  const y = (ms: number) => area.bottom - (Math.log10(Math.max(1, ms)) / 4) * (area.bottom - area.top);
  const decades = [1, 10, 100, 1_000, 10_000];
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Time from a revocation's commit until the secret is gone, by the number of sidecars">`,
    '<style>text{font:12px system-ui,sans-serif;fill:#444}.grid{stroke:#ccc;stroke-width:1}.must{stroke:#888;stroke-dasharray:4 3}@media(prefers-color-scheme:dark){text{fill:#ccc}.grid{stroke:#444}}</style>',
    ...decades.flatMap((each) => [
      rule(x(each), area.top, x(each), area.bottom, 'grid'),
      label(x(each), area.bottom + 18, each.toLocaleString('en-US'), 'middle'),
      rule(area.left, y(each), area.right, y(each), 'grid'),
      label(area.left - 8, y(each) + 4, each < 1_000 ? `${each} ms` : `${each / 1_000} s`, 'end'),
    ]),
    label((area.left + area.right) / 2, area.bottom + 40, 'sidecars on one broker', 'middle'),
    ...[...targets].flatMap(([sidecars, { must }]) => [
      rule(x(sidecars) - 24, y(must), x(sidecars) + 6, y(must), 'must'),
      label(x(sidecars) - 28, y(must) + 4, 'must', 'end'),
    ]),
    ...series.flatMap(({ name, colour }, index) => [
      `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${fanOut.map((row) => `${fixed(x(row.sidecars))},${fixed(y(row[name]))}`).join(' ')}"/>`,
      ...fanOut.map((row) => `<circle cx="${fixed(x(row.sidecars))}" cy="${fixed(y(row[name]))}" r="3" fill="${colour}"/>`),
      `<text x="${area.left + 16}" y="${area.top + 18 + 18 * index}" style="fill:${colour}">${name}</text>`,
    ]),
    '</svg>',
  ].join('\n')}\n`;
}

function rule(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  return `<line class="${kind}" x1="${fixed(x1)}" y1="${fixed(y1)}" x2="${fixed(x2)}" y2="${fixed(y2)}"/>`;
}

function label(x: number, y: number, text: string, anchor: string): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}">${text}</text>`;
}

function fixed(value: number): string {
  return value.toFixed(1);
}
