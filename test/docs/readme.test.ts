import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { root } from '../structure/source-files.ts';

const readme = readFileSync(join(root, 'README.md'), 'utf8');

describe('the README', () => {
  test('shows what the tour really prints, but for ports, times and random parts', async () => {
    const [, shown = ''] = /<!-- tour:begin -->\n```\n([\s\S]*?)```\n<!-- tour:end -->/.exec(readme) ?? [];
    const tour = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'packages/cli/src/tour/main.ts'), '--once'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    let printed = '';
    tour.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    const [code] = await once(tour, 'close');
    expect(code).toBe(0);
    expect(stable(printed)).toEqual(stable(shown));
  });

  describe('its commands', () => {
    let stack: DevStack;
    beforeAll(async () => {
      stack = await startDevStack();
    });
    afterAll(() => stack.close());

    test('run as written, in their order', async () => {
      const commands = [...readme.matchAll(/^npm run -s leasehold -- (.+)$/gm)]
        .map(([, line = '']) => line)
        .filter((line) => line !== 'dev');
      expect(commands.length).toBeGreaterThanOrEqual(3);
      for (const line of commands) {
        const [command = '', redirected] = line.split(' < ');
        const args = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
        const { code, stderr } = await stack.cli(args, redirected === undefined ? undefined : 'sk-readme-0000000000\n');
        expect([line, code, stderr]).toEqual([line, 0, '']);
      }
    });
  });

  test('links to pages that are there', () => {
    const links = [...readme.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target);
    expect(links.length).toBeGreaterThan(8);
    expect(links.filter((target) => sizeOf(join(root, target)) === undefined)).toEqual([]);
  });
});

/** What differs from run to run is folded: so are the order of the trail's rows about the agent, and how many uses one of them counts. */
function stable(text: string): readonly string[] {
  const lines = text
    .trim()
    .split('\n')
    .map((line) =>
      line
        .replace(/\/\S*leasehold-tour-\w+/g, '/DIR')
        .replace(/begins [0-9a-f]{12}/g, 'begins HASH')
        .replace(/\d+/g, 'N')
        .replace(/\s+/g, ' ')
        .trimEnd(),
    );
  const ofAgent = lines.filter((line) => isOfAgent.test(line)).map((line) => line.replace(/ \(N times\)$/, ''));
  return [...lines.filter((line) => !isOfAgent.test(line)), ...new Set(ofAgent.toSorted())];
}

const isOfAgent = /N-N-N N:N:N agent/;

function sizeOf(path: string): number | undefined {
  try {
    return readFileSync(path).length;
  } catch {
    return undefined;
  }
}
