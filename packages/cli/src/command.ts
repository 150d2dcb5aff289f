import type { AdminClient } from '@leasehold/contract/admin';
import { type Command, Option } from 'commander';
import { chooseTenant, connect, findConnection } from './connection.ts';
import { createPrinter, type Printer } from './output/printer.ts';

/** What every command has beside its own flags. */
export interface CommonFlags {
  readonly dir?: string;
  readonly json?: boolean;
  readonly tenant?: string;
  readonly yes?: boolean;
  readonly wait?: boolean;
}

export interface Operation {
  readonly client: AdminClient;
  readonly out: Printer;
  /** Of the flag, the environment, or the only one there is. */
  tenant(): Promise<string>;
}

/** Runs `work` with a connection, and closes it. */
export async function operate(flags: CommonFlags, work: (operation: Operation) => Promise<void>): Promise<void> {
  const out = createPrinter({ isJson: flags.json === true, out: process.stdout, env: process.env });
  const client = await connect(await findConnection(flags.dir, process.env));
  let chosen: Promise<string> | undefined;
  const tenant = () => {
    chosen ??= chooseTenant(client, flags.tenant, process.env);
    return chosen;
  };
  try {
    await work({ client, out, tenant });
  } finally {
    await client.close();
  }
}

/** A verb that talks to a broker. */
export function verb(noun: Command, usage: string, about: string): Command {
  return noun
    .command(usage)
    .description(about)
    .option('--dir <dir>', 'state directory of the broker (default: LEASEHOLD_DIR, else ./.leasehold)')
    .option('--json', 'print one JSON object a line');
}

/** A verb within a tenant. */
export function tenantVerb(noun: Command, usage: string, about: string): Command {
  return verb(noun, usage, about).option('--tenant <name>', 'tenant (default: LEASEHOLD_TENANT, else the only one there is)');
}

export function waitFlag(): Option {
  return new Option('--wait', 'show how sidecars confirm, until all have or the bound is over');
}

export function tokenFileFlag(): Option {
  return new Option('--token-file <file>', 'write the token there (mode 0600, never over a file) in place of printing it');
}

export function yesFlag(): Option {
  return new Option('--yes', 'do not ask; needed where nobody can be asked');
}

/** Collects a flag that may be given several times. */
export function repeatable(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** All pages of a listing, one after the other. */
export async function allPages<T>(
  list: (after: string | null) => Promise<{ readonly items: readonly T[]; readonly next: string | null }>,
): Promise<readonly T[]> {
  const all: T[] = [];
  let after: string | null = null;
  do {
    const page: { readonly items: readonly T[]; readonly next: string | null } = await list(after);
    all.push(...page.items);
    after = page.next;
  } while (after !== null);
  return all;
}
