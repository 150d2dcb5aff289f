import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type AdminClient, createAdminClient } from '@leasehold/contract/admin';
import { type AgentTrust, agentEnvironment, javaTrustStorePassword } from '@leasehold/core';
import { throughBaseUrl } from '../harness/agent-http.ts';
import { createTestCa } from '../harness/certificates.ts';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { eventually } from '../harness/lending.ts';
import type { Client, Injection, Way } from './client.ts';
import { clients } from './clients.ts';
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
  /** Suspends the credential. */
  revoke(): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'leasehold-clients-'));
  const ca = await createTestCa('Vendors of the matrix');
  const realHosts = clients.flatMap(({ host }) => host ?? []);
  const vendor = await startHttpVendor(await ca.issue([`*${suffix}`, ...realHosts]), dir);
  const grpcVendor = await startGrpcVendor(await ca.issue([`*${grpcSuffix}`]));
  const stack = await startDevStack({
    env: {
      NODE_OPTIONS: `--import=${join(import.meta.dirname, 'named-hosts.ts')}`,
      NAMED_HOSTS: JSON.stringify({
        ...Object.fromEntries([suffix, ...realHosts].map((host) => [host, '127.0.0.2'])),
        [grpcSuffix]: '127.0.0.3',
      }),
      NAMED_PORTS: JSON.stringify({ '127.0.0.2:443': vendor.port, '127.0.0.3:443': grpcVendor.port }),
    },
  });
  const admin = await adminOf(stack);

  async function store(name: string, host: string, injection: Injection = bearer): Promise<Account> {
    const value = `sk-canary-${name}-${'0123456789abcdef'.repeat(2)}`;
    await admin.addCredential(tenant, {
      name,
      destinations: [{ url: `https://${host}`, ca_pem: ca.caPem, private_cidrs: ['127.0.0.0/8'] }],
      injection,
      value: Buffer.from(value).toString('base64'),
    });
    return { host, value, header: headerOf(injection, value) };
  }

  const ungranted = vendor.open(await store(ungrantedName, `${ungrantedName}${suffix}`));
  return {
    stack,
    dir,
    block: agentEnvironment({ proxyUrl: stack.ready.proxy_url, trust: await trustIn(stack, dir) }),
    ungranted,
    lend: async (client, way) => {
      const name = `${client.name} ${way}`
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, '-')
        .replace(/^-/, '');
      const isGrpc = client.speaks === 'gRPC';
      const host = way === 'B' && client.host !== undefined ? client.host : `${name}${isGrpc ? grpcSuffix : suffix}`;
      const account = await store(name, host, client.injection);
      await admin.putGrant(tenant, { agent: 'dev', credential: name });
      const book = (isGrpc ? grpcVendor : vendor).open(account);
      await eventually(
        () => throughBaseUrl(stack.proxyPort, `/${name}/route-is-there`),
        ({ status }) => status !== 403,
      );
      book.visits.length = 0;
      return {
        account,
        book,
        grantedUrl: urlOf(client, way, stack, { name, host }),
        ungrantedUrl: urlOf(client, way, stack, { name: ungrantedName, host: `${ungrantedName}${suffix}` }),
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

const bearer: Injection = { kind: 'header', name: 'Authorization', template: 'Bearer {value}' };

function headerOf(injection: Injection, value: string): Account['header'] {
  if (injection.kind === 'header') return { name: injection.name.toLowerCase(), text: injection.template.replace('{value}', value) };
  return { name: 'authorization', text: `Basic ${Buffer.from(`${injection.username}:${value}`).toString('base64')}` };
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
