import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { root } from '../structure/source-files.ts';

const page = readFileSync(join(root, 'docs', 'operations.md'), 'utf8');
let stack: DevStack;

beforeAll(async () => {
  stack = await startDevStack();
});
afterAll(() => stack.close());

test('every metric of the page is there, and every metric that is there is on the page', async () => {
  const scrapes = await Promise.all(
    [stack.ready.broker.metrics_url, stack.ready.sidecar.metrics_url].map(async (url) => (await fetch(url)).text()),
  );
  const there = new Set(scrapes.flatMap((text) => [...text.matchAll(/^# TYPE (leasehold_\w+)/gm)].map(([, name]) => name)));
  const documented = new Set([...page.matchAll(/`(leasehold_\w+)`/g)].map(([, name]) => name));
  expect([...documented].toSorted()).toEqual([...there].toSorted());
});

test('probes tell the truth: ready while in step, and alive', async () => {
  for (const url of [stack.ready.broker.metrics_url, stack.ready.sidecar.metrics_url]) {
    for (const probe of ['/livez', '/readyz']) expect([probe, (await fetch(new URL(probe, url))).status]).toEqual([probe, 200]);
  }
});

test.each(['broker', 'sidecar'])('the %s lists its settings, with the ports that the page names', (service) => {
  const help = execFileSync(process.execPath, [join(root, 'packages', service, 'src', 'main.ts'), '--help'], { encoding: 'utf8' });
  const ports = service === 'broker' ? [7443, 7444, 7445] : [7480, 7481];
  for (const port of ports) {
    expect(help).toContain(`default ${port}`);
    expect(page).toContain(String(port));
  }
});
