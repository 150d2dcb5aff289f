import type { Command } from 'commander';
import { allPages, type CommonFlags, operate, tokenFileFlag, verb, waitFlag } from '../command.ts';
import { shortTime } from '../output/times.ts';
import { keepToken } from '../output/token-file.ts';
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
          ['NAME', 'STATUS', 'CREATED'],
          tenants.map((each) => [each.name, each.status, shortTime(each.created_at)]),
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
  verb(noun, 'token <name>', 'make an operator token for one tenant; it is shown once')
    .option('--operator <name>', 'what the trail calls this operator', 'operator')
    .addOption(tokenFileFlag())
    .action((name: string, flags: CommonFlags & { operator: string; tokenFile?: string }) =>
      operate(flags, async ({ client, out }) => {
        const { made, shown, text } = await keepToken(flags.tokenFile, () => client.addOperator(name, flags.operator));
        if (out.isJson) out.json({ ...made.operator, ...shown });
        else out.line(`operator ${made.operator.name} of tenant ${name}. Its token, shown this once: ${text}`);
      }),
    );
}
