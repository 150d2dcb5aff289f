import { AppError } from '@leasehold/core';
import { type Command, Option } from 'commander';
import { allPages, type CommonFlags, operate, verb, waitFlag } from '../command.ts';
import { shortTime } from '../output/times.ts';
import { reportChange } from '../wait.ts';

export function addTenantCommands(program: Command): void {
  const noun = program.command('tenant').description('units of isolation');
  verb(noun, 'add <name>', 'make a tenant').action((name: string, flags: CommonFlags) =>
    operate(flags, async ({ client, out }) => {
      const added = await client.addTenant(name);
      if (out.isJson) out.json(added);
      else out.line(`tenant ${added.name} made.`);
    }),
  );
  verb(noun, 'list', 'all tenants that this operator reaches').action((flags: CommonFlags) =>
    operate(flags, async ({ client, out }) => {
      const tenants = await allPages((after) => client.listTenants({ after }));
      if (out.isJson) for (const each of tenants) out.json(each);
      else
        out.table(
          ['NAME', 'STATUS', 'NAMES', 'CREATED'],
          tenants.map((each) => [
            each.name,
            each.status,
            each.agents_discover_names ? 'discoverable' : 'hidden',
            shortTime(each.created_at),
          ]),
        );
    }),
  );
  for (const each of ['suspend', 'resume'] as const) {
    const made = verb(
      noun,
      `${each} <name>`,
      each === 'suspend' ? 'cut off everything of a tenant at once' : 'let its agents borrow again',
    );
    if (each === 'suspend') made.addOption(waitFlag());
    made.action((name: string, flags: CommonFlags) =>
      operate(flags, async (operation) => {
        const changed = await operation.client.changeTenant(name, each);
        await reportChange(
          { ...operation, tenant: async () => name },
          changed,
          `tenant ${changed.item.name} ${each === 'suspend' ? 'suspended' : 'resumed'}.`,
          flags.wait === true,
        );
      }),
    );
  }
  verb(noun, 'set <name>', 'change what a tenant allows')
    .addOption(
      new Option('--discover-names <on|off>', 'tell its agents the names of credentials they have no grant on').choices(['on', 'off']),
    )
    .action((name: string, flags: CommonFlags & { discoverNames?: 'on' | 'off' }) => set(name, flags));
}

async function set(name: string, flags: CommonFlags & { readonly discoverNames?: 'on' | 'off' }): Promise<void> {
  const { discoverNames } = flags;
  if (discoverNames === undefined)
    throw new AppError('invalid_argument', 'Nothing is said that would change.\nSay what: --discover-names on, or off');
  await operate(flags, async ({ client, out }) => {
    const changed = await client.setTenant(name, { agents_discover_names: discoverNames === 'on' });
    if (out.isJson) out.json(changed);
    else
      out.line(
        `agents of tenant ${changed.name} are ${changed.agents_discover_names ? '' : 'not '}told the names of credentials they have no grant on.`,
      );
  });
}
