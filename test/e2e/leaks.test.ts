import { execFileSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { throughBaseUrl, throughProxy } from '../harness/agent-http.ts';
import { type CliResult, type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { addCredential, eventually, grant } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

const canaries = ['canary-bearer-7f3a9c51d2', 'canary-basic-0b8e6d44aa', 'canary-rotated-91c2e7f0b3'];
const forms = canaries.flatMap((canary) => [
  canary,
  Buffer.from(canary).toString('base64').slice(0, -4),
  Buffer.from(`user:${canary}`).toString('base64'),
]);

let stack: DevStack;
let vendor: Vendor;
let outputs: CliResult[];

beforeAll(async () => {
  vendor = await startVendor({
    answer: (request, response, seen) => {
      if (request.url?.includes('broken')) response.socket?.destroy();
      else response.end(`you sent ${seen.headers.authorization}`);
    },
  });
  stack = await startDevStack({ extraArgs: ['--log-level', 'trace'] });
  const [bearer = '', basic = '', rotated = ''] = canaries;
  await addCredential(stack, vendor, { name: 'bearer', value: bearer, extra: ['--path', '/b'] });
  await addCredential(stack, vendor, { name: 'basic', value: basic, injection: ['--basic', 'user'], extra: ['--path', '/c'] });
  await grant(stack, 'bearer');
  await grant(stack, 'basic');
  await eventually(
    () => throughBaseUrl(stack.proxyPort, '/basic/c'),
    ({ status }) => status === 200,
  );
  await throughBaseUrl(stack.proxyPort, '/bearer/b/broken');
  await throughProxy(stack.proxyPort, `${vendor.url.replace('https', 'http')}/b`, { headers: { authorization: 'Bearer the-agents-own' } });
  outputs = [
    // Values that are refused must not be quoted either.
    await stack.cli(['credential', 'add', 'bad', '--destination', vendor.url, '--header', 'X: {value}'], `${bearer}\u0000x`),
    await stack.cli(['credential', 'add', 'argument', bearer, '--destination', vendor.url, '--header', 'X: {value}']),
    await stack.cli(['credential', 'rotate', 'bearer', '--json'], rotated),
    await stack.cli(['audit', 'export', '--json']),
    await stack.cli(['lease', 'list', '--json']),
  ];
  await eventually(
    () => throughBaseUrl(stack.proxyPort, '/bearer/b'),
    ({ status }) => status === 200,
  );
});

afterAll(async () => {
  await stack?.close();
  await vendor?.close();
});

function expectClean(where: string, text: string): void {
  expect([where, forms.filter((form) => text.includes(form))]).toEqual([where, []]);
}

test('INV-15: the canaries were really used, or this file would prove nothing', () => {
  const sent = new Set(vendor.seen.map(({ headers }) => headers.authorization));
  expect(sent).toEqual(
    new Set([`Bearer ${canaries[0]}`, `Basic ${Buffer.from(`user:${canaries[1]}`).toString('base64')}`, `Bearer ${canaries[2]}`]),
  );
});

test('INV-15: no canary in any file of the state directory, logs at trace level and database included', async () => {
  let files = 0;
  for (const entry of await readdir(stack.dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    files += 1;
    expectClean(entry.name, await readFile(join(entry.parentPath, entry.name), 'latin1'));
  }
  expect(files).toBeGreaterThan(5);
  // The most talkative lines were written, or their absence of secrets would mean nothing.
  expect(await stack.log()).toContain('"level":20');
});

test('INV-15: no canary in metrics, in what the command line printed, or in a refusal', async () => {
  for (const url of [stack.ready.broker.metrics_url, stack.ready.sidecar.metrics_url]) expectClean(url, await (await fetch(url)).text());
  // The CLI does quote the argument back to nobody: not even the one that it refuses.
  for (const { stdout, stderr } of outputs) expectClean('cli', stdout + stderr);
});

test('INV-15: no canary in the arguments or environment of any process of ours', async () => {
  const pids = [process.pid, stack.ready.pids.broker, stack.ready.pids.sidecar];
  for (const pid of pids) {
    expectClean(`environ of ${pid}`, await readFile(`/proc/${pid}/environ`, 'latin1'));
    expectClean(`cmdline of ${pid}`, await readFile(`/proc/${pid}/cmdline`, 'latin1'));
  }
  expect(
    execFileSync('ps', ['-o', 'pid=', '-p', pids.join(',')], { encoding: 'utf8' })
      .trim()
      .split('\n'),
  ).toHaveLength(pids.length);
});
