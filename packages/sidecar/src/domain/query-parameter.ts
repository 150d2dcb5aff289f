/**
 * The path with exactly one parameter of that name: ours, last (INV-9). Every one of the agent's goes, however it is spelled: percent-encoded,
 * in other letter case, as `name[]` for servers that read lists so, or after a ";" for those that part there. What stays, stays byte by byte.
 */
export function withParameter(path: string, name: string, encoded: string): string {
  const ours = `${name}=${encoded}`;
  const mark = path.indexOf('?');
  if (mark === -1) return `${path}?${ours}`;
  const lowerName = name.toLowerCase();
  const kept = path
    .slice(mark + 1)
    .split('&')
    .filter((pair) => pair !== '' && !pair.split(';').some((part) => readName(part) === lowerName));
  return `${path.slice(0, mark)}?${[...kept, ours].join('&')}`;
}

/** A parameter's name as the most generous reader takes it: names of ours are plain ASCII, so other escapes don't matter. */
function readName(part: string): string {
  const [raw = ''] = part.split('=', 1);
  const decoded = raw.replaceAll('+', ' ').replace(/%([0-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const [name = ''] = decoded.split('[', 1);
  return name.trim().toLowerCase();
}
