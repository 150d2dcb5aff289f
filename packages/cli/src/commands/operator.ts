import type { Command } from 'commander';
import { allPages, type CommonFlags, operate, tenantVerb, tokenFileFlag, yesFlag } from '../command.ts';
import { confirm } from '../input/confirm.ts';
import { shortTime } from '../output/times.ts';
import { keepToken } from '../output/token-file.ts';

type TokenFlags = CommonFlags & { readonly tokenFile?: string };

export function addOperatorCommands(program: Command): void {
  const noun = program.command('operator').description('who may administer one tenant');
  tenantVerb(noun, 'add <name>', 'make an operator token for the tenant; it is shown once')
    .addOption(tokenFileFlag())
    .action((name: string, flags: TokenFlags) => add(name, flags));
  tenantVerb(noun, 'list', 'all operators of the tenant').action((flags: CommonFlags) => list(flags));
  tenantVerb(noun, 'delete <name>', 'its tokens are good for nothing from now on')
    .addOption(yesFlag())
    .action((name: string, flags: CommonFlags) => remove(name, flags));
}

async function add(name: string, flags: TokenFlags): Promise<void> {
  await operate(flags, async ({ client, out, tenant }) => {
    const within = await tenant();
    const { made, shown, text } = await keepToken(flags.tokenFile, () => client.addOperator(within, name));
    if (out.isJson) out.json({ ...made.operator, ...shown });
    else out.line(`operator ${made.operator.name} of tenant ${within}. Its token, shown this once: ${text}`);
  });
}

async function list(flags: CommonFlags): Promise<void> {
  await operate(flags, async ({ client, out, tenant }) => {
    const within = await tenant();
    const operators = await allPages((after) => client.listOperators(within, { after }));
    if (out.isJson) for (const each of operators) out.json(each);
    else
      out.table(
        ['NAME', 'ID', 'CREATED'],
        operators.map((each) => [each.name, each.id, shortTime(each.created_at)]),
      );
  });
}

async function remove(name: string, flags: CommonFlags): Promise<void> {
  await confirm(`Deleting the operator ${name}`, flags.yes === true);
  await operate(flags, async ({ client, out, tenant }) => {
    for (const gone of await client.deleteOperators(await tenant(), name)) {
      if (out.isJson) out.json(gone);
      else out.line(`operator ${gone.name} (${gone.id}) deleted.`);
    }
  });
}
