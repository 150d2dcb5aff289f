import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AdminClient, type ConfirmationResource, createAdminClient, type RevocationResource } from '@leasehold/contract/admin';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { backstopPollMs } from '../../packages/broker/src/app/watch-revocations.ts';
import { eventually } from '../harness/lending.ts';
import { type RunningService, startService } from '../harness/service.ts';

const maxStalenessMs = 60_000;
/** How often a sidecar asks. */
const askedEveryMs = maxStalenessMs / 3;
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
  await admin.addCredential('one', {
    name: 'api',
    destinations: [{ url: 'https://api.example.com' }],
    injection: { kind: 'header', name: 'Authorization', template: 'Bearer {value}' },
    value: Buffer.from('sk-push-000000000000').toString('base64'),
  });
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

/** What revokes, and what gives it back. */
const revoking: readonly (readonly [
  string,
  () => Promise<{ readonly revocation: RevocationResource | null } | undefined>,
  () => Promise<unknown>,
])[] = [
  ['a suspended credential', () => admin.changeCredential('one', 'api', 'suspend'), () => admin.changeCredential('one', 'api', 'resume')],
  ['the kill switch of everything', async () => (await admin.killAll())[0], () => admin.changeTenant('one', 'resume')],
];

test.each(revoking)(
  'INV-4: %s is pushed: sidecars confirm it long before they, or the broker, would have looked',
  async (_, revoke, giveBack) => {
    const elapsedMs: number[] = [];
    for (let times = 0; times < 4; times++) {
      const revocation = (await revoke())?.revocation;
      if (revocation == null) throw new Error('nothing was revoked');
      let last: ConfirmationResource | undefined;
      for await (const step of admin.confirmations('one', revocation)) last = step;
      expect(last).toMatchObject({ done: true, total: 1, outstanding: [] });
      elapsedMs.push(last?.elapsed_ms ?? Number.POSITIVE_INFINITY);
      await giveBack();
    }
    // The first may fall together with a look that the broker takes by itself, or the sidecar. Each of the others begins when one has just been taken, and
    // would wait for the next. One that did not is enough: a busy machine may be late for the rest.
    expect(Math.min(...elapsedMs.slice(1))).toBeLessThan(Math.min(backstopPollMs, askedEveryMs) / 4);
  },
);
