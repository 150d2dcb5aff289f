import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AdminClient, type ConfirmationResource, createAdminClient, type RevocationResource } from '@leasehold/contract/admin';
import { eventually } from './lending.ts';
import { startService } from './service.ts';

/** A broker and one agent's sidecar, with settings that `leasehold dev` does not pass on. */
export interface BrokerAndSidecar {
  readonly admin: AdminClient;
  readonly proxyPort: number;
  /** What is said in the end of who confirmed. Throws when nothing was revoked. */
  confirmed(change: Revoking | undefined): Promise<ConfirmationResource | undefined>;
  close(): Promise<void>;
}

export interface Revoking {
  readonly revocation: RevocationResource | null;
}

const anyPorts = ['--metrics-port', '0', '--log-level', 'error'];

/** Tenant `one` has agent `dev` with a grant on `api`, and the sidecar is in step. `thenWith`: the broker is started again with these, once all is set up. */
export async function startBrokerAndSidecar(
  brokerFlags: readonly string[],
  { thenWith }: { readonly thenWith?: readonly string[] } = {},
): Promise<BrokerAndSidecar> {
  const dir = await mkdtemp(join(tmpdir(), 'leasehold-pair-'));
  const state = ['--state-dir', join(dir, 'broker')];
  const begin = async (flags: readonly string[]) => {
    const started = await startService('broker', [...state, ...flags, '--grpc-port', '0', '--admin-port', '0', ...anyPorts]);
    const ofIt = createAdminClient({
      url: `https://localhost:${started.facts.admin_port}`,
      token: (await readFile(join(dir, 'broker', 'operator.token'), 'utf8')).trim(),
      caPem: await readFile(String(started.facts.ca_file), 'utf8'),
    });
    return [started, ofIt] as const;
  };
  let [broker, admin] = await begin(brokerFlags);
  await admin.addTenant('one');
  await admin.addCredential('one', {
    name: 'api',
    destinations: [{ url: 'https://api.example.com' }],
    injection: { kind: 'header', name: 'Authorization', template: 'Bearer {value}' },
    value: Buffer.from('sk-pair-000000000000').toString('base64'),
  });
  const tokenFile = join(dir, 'agent.token');
  await writeFile(tokenFile, (await admin.addAgent('one', 'dev')).token, { mode: 0o600 });
  await admin.putGrant('one', { agent: 'dev', credential: 'api' });
  if (thenWith !== undefined) {
    await admin.close();
    await broker.stop();
    [broker, admin] = await begin(thenWith);
  }
  const caFile = String(broker.facts.ca_file);
  const link = ['--broker', `localhost:${broker.facts.grpc_port}`, '--broker-ca-file', caFile, '--agent-token-file', tokenFile];
  const sidecar = await startService('sidecar', [...link, '--proxy-port', '0', ...anyPorts]);
  await eventually(
    () => fetch(`http://127.0.0.1:${sidecar.facts.metrics_port}/readyz`),
    ({ status }) => status === 200,
  );
  return {
    admin,
    proxyPort: Number(sidecar.facts.proxy_port),
    confirmed: async (change) => {
      if (change === undefined || change.revocation === null) throw new Error('nothing was revoked');
      let last: ConfirmationResource | undefined;
      for await (const step of admin.confirmations('one', change.revocation)) last = step;
      return last;
    },
    close: async () => {
      await sidecar.stop();
      await admin.close();
      await broker.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
