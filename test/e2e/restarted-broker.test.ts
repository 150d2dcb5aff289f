import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdminClient } from '@leasehold/contract/admin';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startService } from '../harness/service.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'leasehold-restarted-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Whether each step says that all is done, of a kill switch that is pulled as soon as the broker is there. */
async function killAtOnce(prepare: (admin: ReturnType<typeof createAdminClient>) => Promise<unknown>): Promise<readonly boolean[]> {
  const ports = ['--grpc-port', '0', '--admin-port', '0', '--metrics-port', '0', '--log-level', 'error'];
  const broker = await startService('broker', ['--state-dir', dir, '--max-staleness', '5s', ...ports]);
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
    return await Array.fromAsync(admin.confirmations('one', killed.revocation), ({ done }) => done);
  } finally {
    await admin.close();
    await broker.stop();
  }
}

test('a broker that was started again waits for sidecars that it has not seen, and may be in step with the one before', async () => {
  expect(await killAtOnce((admin) => admin.addTenant('one'))).toEqual([true]);
  expect(await killAtOnce(async () => {})).toEqual([false, true]);
});
