import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AdminClient, type ConfirmationResource, createAdminClient } from '@leasehold/contract/admin';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../harness/lending.ts';
import { type RunningService, startService } from '../harness/service.ts';

/** A third of it is how often a sidecar asks: what comes sooner was pushed. */
const maxStalenessMs = 60_000;
const anyPorts = ['--metrics-port', '0', '--log-level', 'error'];

let dir: string;
let broker: RunningService;
let sidecar: RunningService;
let admin: AdminClient;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'leasehold-push-'));
  const state = ['--state-dir', join(dir, 'broker'), '--max-staleness', `${maxStalenessMs / 1_000}s`];
  broker = await startService('broker', [...state, '--grpc-port', '0', '--admin-port', '0', ...anyPorts]);
  const caFile = String(broker.facts.ca_file);
  admin = createAdminClient({
    url: `https://localhost:${broker.facts.admin_port}`,
    token: (await readFile(join(dir, 'broker', 'operator.token'), 'utf8')).trim(),
    caPem: await readFile(caFile, 'utf8'),
  });
  await admin.addTenant('one');
  const tokenFile = join(dir, 'agent.token');
  await writeFile(tokenFile, (await admin.addAgent('one', 'dev')).token, { mode: 0o600 });
  const link = ['--broker', `localhost:${broker.facts.grpc_port}`, '--broker-ca-file', caFile, '--agent-token-file', tokenFile];
  sidecar = await startService('sidecar', [...link, '--proxy-port', '0', ...anyPorts]);
  await eventually(
    () => fetch(`http://127.0.0.1:${sidecar.facts.metrics_port}/readyz`),
    ({ status }) => status === 200,
  );
});

afterEach(async () => {
  await sidecar?.stop();
  await admin?.close();
  await broker?.stop();
  await rm(dir, { recursive: true, force: true });
});

test('INV-4: a revocation is pushed: sidecars confirm it long before they would have asked', async () => {
  await admin.addCredential('one', {
    name: 'api',
    destinations: [{ url: 'https://api.example.com' }],
    injection: { kind: 'header', name: 'Authorization', template: 'Bearer {value}' },
    value: Buffer.from('sk-push-000000000000').toString('base64'),
  });
  await admin.putGrant('one', { agent: 'dev', credential: 'api' });
  // By turns, so that one which falls together with a ping proves nothing.
  for (const verb of ['suspend', 'resume', 'suspend', 'resume', 'suspend'] as const) {
    const { revocation } = await admin.changeCredential('one', 'api', verb);
    if (revocation === null) continue;
    let last: ConfirmationResource | undefined;
    for await (const step of admin.confirmations('one', revocation)) last = step;
    expect(last).toMatchObject({ done: true, total: 1, outstanding: [] });
    expect(last?.elapsed_ms).toBeLessThan(maxStalenessMs / 3 / 10);
  }
});
