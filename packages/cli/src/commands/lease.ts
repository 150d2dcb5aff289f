import type { Command } from 'commander';
import { allPages, type CommonFlags, operate, tenantVerb, waitFlag, yesFlag } from '../command.ts';
import { confirm } from '../input/confirm.ts';
import { shortTime } from '../output/times.ts';
import { reportChange } from '../wait.ts';

export function addLeaseCommands(program: Command): void {
  const noun = program.command('lease').description('what is lent');
  tenantVerb(noun, 'list', 'leases that are live')
    .option('--all', 'ended ones too')
    .action((flags: CommonFlags & { all?: boolean }) =>
      operate(flags, async ({ client, out, tenant }) => {
        const name = await tenant();
        const leases = await allPages((after) => client.listLeases(name, { after, all: flags.all === true }));
        if (out.isJson) {
          for (const each of leases) out.json(each);
          return;
        }
        const rows = leases.map((each) => [
          each.id,
          each.agent,
          each.credential,
          each.version,
          each.status,
          shortTime(each.issued_at),
          shortTime(each.expires_at),
        ]);
        out.table(['ID', 'AGENT', 'CREDENTIAL', 'VERSION', 'STATUS', 'ISSUED', 'EXPIRES'], rows);
      }),
    );
  tenantVerb(noun, 'revoke <id>', 'end one lease at once; the grant goes on')
    .addOption(waitFlag())
    .addOption(yesFlag())
    .action(async (id: string, flags: CommonFlags) => {
      await confirm(`Revoking the lease ${id}`, flags.yes === true);
      await operate(flags, async (operation) => {
        const changed = await operation.client.revokeLease(await operation.tenant(), id);
        await reportChange(operation, changed, `lease ${changed.item.id} is ${changed.item.status}.`, flags.wait === true);
      });
    });
}
