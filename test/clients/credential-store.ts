import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdminClient } from '@leasehold/contract/admin';
import type { DevStack } from '../harness/dev-stack.ts';
import type { Service } from './client.ts';
import type { Account } from './vendors/account.ts';

export interface StoredAsk {
  readonly name: string;
  readonly hosts: readonly [string, ...string[]];
  readonly service?: Service | undefined;
  /** The hosts are the service's own, which its template knows. */
  readonly isReal?: boolean;
}

export interface CredentialStoreOptions {
  readonly stack: DevStack;
  readonly admin: AdminClient;
  /** Of the vendors. */
  readonly caPem: string;
  readonly dir: string;
}

type Injection = Awaited<ReturnType<AdminClient['showCredential']>>['injection'];

/** Stores credentials as an operator would: from the service's template, or as a plain bearer token. Resolves with what the vendor must know. */
export function createCredentialStore({ stack, admin, caPem, dir }: CredentialStoreOptions): (ask: StoredAsk) => Promise<Account> {
  const caFile = join(dir, 'vendors-ca.pem');
  const written = writeFile(caFile, caPem);
  const privateCidr = '127.0.0.0/8';

  return async ({ name, hosts, service, isReal = false }) => {
    const value = `sk-canary-${name}-${'0123456789abcdef'.repeat(2)}`;
    if (service === undefined) {
      const destinations = hosts.map((host) => ({ url: `https://${host}`, ca_pem: caPem, private_cidrs: [privateCidr] }));
      const injection = { kind: 'header', name: 'Authorization', template: 'Bearer {value}' } as const;
      await admin.addCredential('dev', { name, destinations, injection, value: Buffer.from(value).toString('base64') });
    } else {
      await written;
      const places = isReal ? [] : hosts.flatMap((host) => ['--destination', `https://${host}`]);
      const template = ['--service', service.template, ...(service.set ?? []).flatMap((pair) => ['--set', pair])];
      await stack.ok(['credential', 'add', name, ...template, ...places, '--ca', caFile, '--private', privateCidr], value);
    }
    const { injection } = await admin.showCredential('dev', name);
    return { hosts, value, header: headerOf(injection, value) };
  };
}

function headerOf(injection: Injection, value: string): Account['header'] {
  if (injection.kind === 'header') return { name: injection.name.toLowerCase(), text: injection.template.replace('{value}', value) };
  if (injection.kind === 'basic' && 'username' in injection)
    return { name: 'authorization', text: `Basic ${Buffer.from(`${injection.username}:${value}`).toString('base64')}` };
  throw new Error(`no vendor of the matrix takes an injection of kind ${injection.kind}`);
}
