import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConfirmationResource, createAdminClient } from '@leasehold/contract/admin';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startService } from '../harness/service.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'leasehold-restarted-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** The steps of a kill switch that is pulled as soon as the broker is there. */
async function killAtOnce(
  maxStaleness: string,
  prepare: (admin: ReturnType<typeof createAdminClient>) => Promise<unknown> = async () => {},
): Promise<readonly ConfirmationResource[]> {
  const ports = ['--grpc-port', '0', '--admin-port', '0', '--metrics-port', '0', '--log-level', 'error'];
  const broker = await startService('broker', ['--state-dir', dir, '--max-staleness', maxStaleness, ...ports]);
  const admin = createAdminClient({
    url: `https://localhost:${broker.facts.admin_port}`,
    token: (await readFile(join(dir, 'operator.token'), 'utf8')).trim(),
    caPem: await readFile(String(broker.facts.ca_file), 'utf8'),
  });
  try {
    await prepare(admin);
    const { items } = await admin.killAll();
    const [killed] = items;
    if (killed?.revocation == null) throw new Error('nothing was revoked');
    return await Array.fromAsync(admin.confirmations('one', killed.revocation));
  } finally {
    await admin.close();
    await broker.stop();
  }
}

test('a broker that was started again waits for sidecars that it has not seen, and may be in step with the one before', async () => {
  const isDone = ({ done }: ConfirmationResource) => done;
  expect((await killAtOnce('5s', (admin) => admin.addTenant('one'))).map(isDone)).toEqual([true]);
  expect((await killAtOnce('5s')).map(isDone)).toEqual([false, true]);
  // By what that one told them, though this one allows less.
  const steps = await killAtOnce('1s');
  expect(steps.map(isDone)).toEqual([false, true]);
  expect(steps.at(-1)?.elapsed_ms).toBeGreaterThan(2_000);
});
