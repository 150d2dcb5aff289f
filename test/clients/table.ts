import type { Client, Way } from './client.ts';
import type { Result } from './results.ts';

const ways: readonly Way[] = ['A', 'B', 'C'];
const head = ['client', 'speaks', ...ways, 'note'];

/**
 * The README's table. A tick stands for all three promises, and the word after it for what the client tells its program of a refusal; a dash
 * stands for a way that the client does not have.
 */
export function tableOf(clients: readonly Client[], results: readonly Result[]): string {
  const rows = clients.map((client) => {
    const own = results.filter((result) => result.client === client.name);
    const cells = ways.map((way) => cellOf(own, client, way));
    return [`${client.name} ${own[0]?.version ?? ''}`.trim(), client.speaks ?? 'HTTP', ...cells, client.note ?? ''];
  });
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function cellOf(results: readonly Result[], client: Client, way: Way): string {
  if (!client.ways.includes(way)) return '–';
  const result = results.find((each) => each.way === way);
  if (result === undefined) return 'not yet';
  if (!result.isKept) return '✗';
  return result.refusal === 'nothing' ? '✓' : `✓ ${result.refusal}`;
}
