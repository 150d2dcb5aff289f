import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { throughBaseUrl } from '../harness/agent-http.ts';
import { type DevStack, runCli, startDevStack } from '../harness/dev-stack.ts';
import { addCredential, eventually, grant } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

/** Outside the workspace, so that nothing is found in its packages. */
let dist: string;
let program: string;
let vendor: Vendor;

beforeAll(async () => {
  dist = await mkdtemp(join(tmpdir(), 'leasehold-bundles-'));
  program = join(dist, 'leasehold.js');
  await promisify(execFile)(process.execPath, [join(import.meta.dirname, '..', '..', 'deploy', 'bundle.ts'), dist]);
  vendor = await startVendor();
});

afterAll(async () => {
  await vendor?.close();
  await rm(dist, { recursive: true, force: true });
});

test('the bundles alone are the whole product: a stack of them lends, and injects', async () => {
  let stack: DevStack | undefined;
  try {
    stack = await startDevStack({ program });
    await addCredential(stack, vendor, { name: 'api', value: 'sk-bundled-000000000000' });
    await grant(stack, 'api');
    const { proxyPort } = stack;
    const answer = await eventually(
      () => throughBaseUrl(proxyPort, '/api/'),
      ({ status }) => status !== 403,
    );
    expect(answer.status).toBe(200);
    expect(vendor.seen.at(-1)?.headers.authorization).toBe('Bearer sk-bundled-000000000000');
  } finally {
    await stack?.close();
  }
});

test('service templates and the client of Google Cloud KMS are in them', async () => {
  const shown = await runCli(['service', 'show', 'openai'], undefined, {}, program);
  expect([shown.code, shown.stdout]).toEqual([0, expect.stringContaining('api.openai.com')]);
  const noCredentials = { PATH: process.env.PATH, HOME: dist, GOOGLE_APPLICATION_CREDENTIALS: join(dist, 'none.json') };
  const key = ['--kek', 'gcp-kms', '--gcp-kms-key', 'projects/p/locations/l/keyRings/r/cryptoKeys/k'];
  const broker = spawnSync(process.execPath, [join(dist, 'leasehold-broker.js'), '--state-dir', join(dist, 'state'), ...key], {
    env: noCredentials,
    encoding: 'utf8',
  });
  expect([broker.status, broker.stderr + broker.stdout]).toEqual([1, expect.stringContaining('key_service_unavailable')]);
});
