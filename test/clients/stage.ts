import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type AdminClient, createAdminClient } from '@leasehold/contract/admin';
import { type AgentTrust, agentEnvironment, agentVariables, javaTrustStorePassword } from '@leasehold/core';
import { throughProxy } from '../harness/agent-http.ts';
import { createTestCa } from '../harness/certificates.ts';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { eventually } from '../harness/lending.ts';
import type { Client, Way } from './client.ts';
import { clients } from './clients.ts';
import { createCredentialStore } from './credential-store.ts';
import type { Account } from './vendors/account.ts';
import { startGrpcVendor } from './vendors/grpc-vendor.ts';
import type { GuestBook } from './vendors/guest-book.ts';
import { startHttpVendor } from './vendors/http-vendor.ts';

const run = promisify(execFile);

/** A host that has a credential in the vault, and no agent with a grant for it. */
const ungrantedName = 'ungranted';
const suffix = '.vendor.test';
/** Hosts that serve gRPC, and nothing else. */
const grpcSuffix = '.grpc.test';
const tenant = 'dev';

/** The product, and the vendors that its agents call. */
export interface Stage {
  readonly stack: DevStack;
  /** With which a service finds the vendors. */
  readonly servicesEnvironment: Readonly<Record<string, string>>;
  /** For what programs leave behind. */
  readonly dir: string;
  /** The block, as docs/cli.md gives it. */
  readonly block: Readonly<Record<string, string>>;
  /** What came to the host without a grant. */
  readonly ungranted: GuestBook;
  /** Stores a credential for this client and way, and grants it. */
  lend(client: Client, way: Way): Promise<Loan>;
  close(): Promise<void>;
}

export interface Loan {
  readonly account: Account;
  readonly book: GuestBook;
  readonly grantedUrl: string;
  readonly ungrantedUrl: string;
  /** Placeholders, and base URLs in way C. */
  readonly environment: Readonly<Record<string, string>>;
  /** Suspends the credential. */
  revoke(): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'leasehold-clients-'));
  const ca = await createTestCa('Vendors of the matrix');
  const realHosts = clients.flatMap(({ service }) => service?.hosts ?? []);
  const vendor = await startHttpVendor(await ca.issue([`*${suffix}`, ...realHosts]), dir);
  const grpcVendor = await startGrpcVendor(await ca.issue([`*${grpcSuffix}`]));
  const servicesEnvironment = {
    NODE_OPTIONS: `--import=${join(import.meta.dirname, 'named-hosts.ts')}`,
    NAMED_HOSTS: JSON.stringify({
      ...Object.fromEntries([suffix, ...realHosts].map((host) => [host, '127.0.0.2'])),
      [grpcSuffix]: '127.0.0.3',
    }),
    NAMED_PORTS: JSON.stringify({ '127.0.0.2:443': vendor.port, '127.0.0.3:443': grpcVendor.port }),
  };
  const stack = await startDevStack({ env: servicesEnvironment });
  const admin = await adminOf(stack);

  const store = createCredentialStore({ stack, admin, caPem: ca.caPem, dir });
  const ungrantedHosts = [`${ungrantedName}${suffix}`] as const;
  const ungranted = vendor.open(await store({ name: ungrantedName, hosts: ungrantedHosts }));
  return {
    stack,
    servicesEnvironment,
    dir,
    block: agentEnvironment({ proxyUrl: stack.ready.proxy_url, trust: await trustIn(stack, dir) }),
    ungranted,
    lend: async (client, way) => {
      const name = `${client.name} ${way}`
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, '-')
        .replace(/^-/, '');
      const isGrpc = client.speaks === 'gRPC';
      const ownHosts = [`${name}${isGrpc ? grpcSuffix : suffix}`] as const;
      const hosts = way === 'B' && client.service !== undefined ? client.service.hosts : ownHosts;
      const account = await store({ name, hosts, service: client.service, isReal: hosts !== ownHosts });
      await admin.putGrant(tenant, { agent: 'dev', credential: name });
      const book = (isGrpc ? grpcVendor : vendor).open(account);
      await eventually(
        () => throughProxy(stack.proxyPort, `http://${hosts[0]}/route-is-there`),
        ({ code }) => code !== 'no_route',
      );
      book.visits.length = 0;
      return {
        account,
        book,
        grantedUrl: urlOf(client, way, stack, { name, host: hosts[0] }),
        ungrantedUrl: urlOf(client, way, stack, { name: ungrantedName, host: ungrantedHosts[0] }),
        environment: await variablesOf(admin, stack, name, way),
        revoke: async () => {
          await admin.changeCredential(tenant, name, 'suspend');
        },
      };
    },
    close: async () => {
      await admin.close();
      await stack.close();
      await vendor.close();
      grpcVendor.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** What `leasehold run` would set for this credential, were it the only one; the variables that name a base URL are for way C. */
async function variablesOf(admin: AdminClient, { ready }: DevStack, name: string, way: Way): Promise<Readonly<Record<string, string>>> {
  const { placeholder, environment } = await admin.showCredential(tenant, name);
  const variables = agentVariables([{ credentialName: name, placeholder: placeholder ?? undefined, environment }], ready.base_url);
  return Object.fromEntries(variables.filter(({ isBaseUrl }) => way === 'C' || !isBaseUrl).map((each) => [each.name, each.value]));
}

function urlOf({ speaks }: Client, way: Way, stack: DevStack, to: { readonly name: string; readonly host: string }): string {
  const url = way === 'C' ? `${stack.ready.base_url}/${to.name}` : `${way === 'A' ? 'http' : 'https'}://${to.host}`;
  return speaks === 'WebSocket' ? url.replace(/^http/, 'ws') : url;
}

/** Java reads no PEM, so its tool makes a store of the same CA, where it is there. */
async function trustIn({ ready }: DevStack, dir: string): Promise<AgentTrust> {
  const trust = { certificateFile: ready.agent_ca_file, bundleFile: ready.agent_bundle_file };
  const store = join(dir, 'agent-ca.jks');
  const args = ['-importcert', '-noprompt', '-alias', 'leasehold', '-file', trust.certificateFile, '-keystore', store];
  return run('keytool', [...args, '-storetype', 'JKS', '-storepass', javaTrustStorePassword]).then(
    () => ({ ...trust, javaTrustStoreFile: store }),
    () => trust,
  );
}

async function adminOf({ ready }: DevStack): Promise<AdminClient> {
  const { url, token_file, ca_file } = ready.admin;
  return createAdminClient({ url, token: (await readFile(token_file, 'utf8')).trim(), caPem: await readFile(ca_file, 'utf8') });
}
