import type { KilledAll } from '@leasehold/contract/admin';
import { AppError } from '@leasehold/core';
import type { Command } from 'commander';
import { type CommonFlags, operate, tenantVerb, verb, waitFlag, yesFlag } from '../command.ts';
import { confirm } from '../input/confirm.ts';
import { reportChange, reportConfirmations } from '../wait.ts';

/** The kill switch: one word for an emergency, whatever hangs below. */
export function addKillCommands(program: Command): void {
  const noun = program.command('kill').description('cut off an agent, a tenant or everything at once, until it is resumed');
  withFlags(tenantVerb(noun, 'agent <name>', 'everything that this agent borrowed')).action((name: string, flags: CommonFlags) =>
    killAgent(name, flags),
  );
  withFlags(verb(noun, 'tenant <name>', 'everything of this tenant')).action((name: string, flags: CommonFlags) => killTenant(name, flags));
  withFlags(verb(noun, 'all', 'everything of every tenant; for operators of all tenants')).action((flags: CommonFlags) => killAll(flags));
}

function withFlags(command: Command): Command {
  return command.addOption(waitFlag()).addOption(yesFlag());
}

const warning = 'cuts off all that runs on it, until it is resumed';

async function killAgent(name: string, flags: CommonFlags): Promise<void> {
  await confirm(`Killing the agent ${name}`, flags.yes === true, warning);
  await operate(flags, async (operation) => {
    const within = await operation.tenant();
    const killed = await operation.client.killAgent(within, name);
    await reportChange(
      operation,
      killed,
      `agent ${killed.item.name} is cut off. Give it back with: leasehold agent resume ${killed.item.name} --tenant ${within}`,
      flags.wait === true,
    );
  });
}

async function killTenant(name: string, flags: CommonFlags): Promise<void> {
  await confirm(`Killing the tenant ${name}`, flags.yes === true, warning);
  await operate(flags, async (operation) => {
    const killed = await operation.client.killTenant(name);
    await reportChange(
      { ...operation, tenant: async () => name },
      killed,
      `tenant ${killed.item.name} is cut off. An operator of all tenants gives it back with: leasehold tenant resume ${killed.item.name}`,
      flags.wait === true,
    );
  });
}

async function killAll(flags: CommonFlags): Promise<void> {
  await confirm('Killing everything', flags.yes === true, 'cuts off every agent of every tenant, until their tenants are resumed');
  await operate(flags, async ({ client, out }) => {
    const { items: killed, left } = await client.killAll();
    const committedAt = killed.find(({ revocation }) => revocation !== null)?.revocation?.committed_at;
    if (out.isJson) for (const { item, revocation } of killed) out.json({ ...item, committed_at: revocation?.committed_at ?? null });
    else
      out.line(
        `${left.length === 0 ? 'everything' : 'the rest'} is cut off: ${killed.length} tenant${killed.length === 1 ? '' : 's'}. Give one back with: leasehold tenant resume NAME`,
      );
    for (const { tenant, why } of left) {
      if (out.isJson) out.json({ name: tenant, left: why });
      else out.line(`NOT cut off: ${tenant}`);
    }
    if (flags.wait === true && committedAt !== undefined) await reportConfirmations(out, client.confirmationsOfAll(committedAt));
    if (left.length > 0) throw notEverything(left);
  });
}

/** Said last, with the exit code of a failure: what was cut off is, and must not read as all. */
function notEverything(left: KilledAll['left']): AppError {
  const each = left.map(({ tenant, why }) => `${tenant} (${why})`);
  return new AppError(
    'store_unavailable',
    `NOT cut off: ${each.join('; ')}.\nStop the broker: every sidecar closes itself within max_staleness. Then restore a backup, and kill again what it brings back.`,
  );
}
