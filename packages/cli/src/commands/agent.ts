import type { Command } from 'commander';
import { allPages, type CommonFlags, type Operation, operate, tenantVerb, tokenFileFlag, waitFlag, yesFlag } from '../command.ts';
import { confirm } from '../input/confirm.ts';
import { shortTime } from '../output/times.ts';
import { keepToken } from '../output/token-file.ts';
import { reportChange } from '../wait.ts';

type TokenFlags = CommonFlags & { readonly tokenFile?: string };

export function addAgentCommands(program: Command): void {
  const noun = program.command('agent').description('who may borrow');
  tenantVerb(noun, 'add <name>', 'make an agent; its token is shown once')
    .addOption(tokenFileFlag())
    .action((name: string, flags: TokenFlags) => add(name, flags));
  tenantVerb(noun, 'list', 'all agents').action((flags: CommonFlags) => list(flags));
  tenantVerb(noun, 'rotate-token <name>', 'make a new token; what was borrowed with the old one dies')
    .addOption(tokenFileFlag())
    .addOption(waitFlag())
    .action((name: string, flags: TokenFlags) => rotateToken(name, flags));
  for (const each of ['suspend', 'resume', 'delete'] as const) {
    const made = tenantVerb(noun, `${each} <name>`, abouts[each]);
    if (each !== 'resume') made.addOption(waitFlag());
    if (each === 'delete') made.addOption(yesFlag());
    made.action((name: string, flags: CommonFlags) => change(name, each, flags));
  }
}

const abouts = {
  suspend: 'cut everything off that it borrowed, until it is resumed',
  resume: 'let it borrow again',
  delete: 'cut it off for good',
};
const done = { suspend: 'suspended', resume: 'resumed', delete: 'deleted' };

async function add(name: string, flags: TokenFlags): Promise<void> {
  await operate(flags, async ({ client, out, tenant }) => {
    const within = await tenant();
    const { made, shown, text } = await keepToken(flags.tokenFile, () => client.addAgent(within, name));
    if (out.isJson) out.json({ ...made.agent, ...shown });
    else out.line(`agent ${made.agent.name} made. Its token, shown this once: ${text}`);
  });
}

async function list(flags: CommonFlags): Promise<void> {
  await operate(flags, async ({ client, out, tenant }) => {
    const name = await tenant();
    const agents = await allPages((after) => client.listAgents(name, { after }));
    if (out.isJson) for (const each of agents) out.json(each);
    else
      out.table(
        ['NAME', 'STATUS', 'TOKEN VERSION', 'CREATED'],
        agents.map((each) => [each.name, each.status, each.token_version, shortTime(each.created_at)]),
      );
  });
}

async function rotateToken(name: string, flags: TokenFlags): Promise<void> {
  await operate(flags, async (operation: Operation) => {
    const within = await operation.tenant();
    const { made, shown, text } = await keepToken(flags.tokenFile, () => operation.client.rotateAgentToken(within, name));
    const { item, revocation } = made;
    const sentence = `agent ${item.name} has a new token, shown this once: ${text}`;
    const shownItem = { ...item, ...shown };
    await reportChange(operation, { item: shownItem, revocation }, sentence, flags.wait === true);
  });
}

async function change(name: string, verb: keyof typeof done, flags: CommonFlags): Promise<void> {
  if (verb === 'delete') await confirm(`Deleting the agent ${name}`, flags.yes === true);
  await operate(flags, async (operation) => {
    const changed = await operation.client.changeAgent(await operation.tenant(), name, verb);
    await reportChange(operation, changed, `agent ${changed.item.name} ${done[verb]}.`, flags.wait === true);
  });
}
