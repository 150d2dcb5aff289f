import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { throughBaseUrl } from '../harness/agent-http.ts';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { addCredential, eventually, grant } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

const maxStalenessMs = 3_000;
let stack: DevStack;
let vendor: Vendor;

beforeEach(async () => {
  vendor = await startVendor();
  stack = await startDevStack();
  await addCredential(stack, vendor, { name: 'api', value: 'sk-out-of-step-000000' });
  await grant(stack, 'api');
  await eventually(call, ({ status }) => status === 200);
});

afterEach(async () => {
  process.kill(stack.ready.pids.broker, 'SIGCONT');
  await stack.close();
  await vendor.close();
});

const call = () => throughBaseUrl(stack.proxyPort, '/api/x');

describe('INV-5: a sidecar out of step for max_staleness answers 503 and holds nothing', () => {
  test('while the broker is frozen no request is forwarded later than the bound, and it heals by itself', async () => {
    expect(await metric(stack.ready.sidecar.metrics_url, 'leasehold_sidecar_cache_entries')).toBe(1);
    vendor.seen.length = 0;
    const frozenAt = Date.now();
    process.kill(stack.ready.pids.broker, 'SIGSTOP');
    const refused = await eventually(call, ({ status }) => status === 503);
    expect(refused.code).toBe('out_of_step');
    expect(refused.headers['retry-after']).toMatch(/^\d+$/);
    // The proof counts from when the newest answered ping was sent, which was before the freeze.
    const latest = Math.max(...vendor.seen.map(({ atMs }) => atMs));
    expect(latest - frozenAt).toBeLessThanOrEqual(maxStalenessMs);
    const entries = await metric(stack.ready.sidecar.metrics_url, 'leasehold_sidecar_cache_entries');
    expect(entries).toBe(0);

    process.kill(stack.ready.pids.broker, 'SIGCONT');
    await eventually(call, ({ status }) => status === 200);
  });

  test('a sidecar that slept longer than the bound uses nothing that it held before', async () => {
    vendor.seen.length = 0;
    process.kill(stack.ready.pids.sidecar, 'SIGSTOP');
    // So that nobody tells the sidecar anything when it wakes up: only what it knows by itself can refuse.
    process.kill(stack.ready.pids.broker, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, maxStalenessMs + 200));
    const pending = call();
    process.kill(stack.ready.pids.sidecar, 'SIGCONT');
    const { status, code } = await pending;
    expect([status, code]).toEqual([503, 'out_of_step']);
    expect(vendor.seen).toEqual([]);
  });
});

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(url)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.split(' ')[1]);
}
