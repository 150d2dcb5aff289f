import { open } from 'node:fs/promises';
import { AppError } from '@leasehold/core';
import type { Command } from 'commander';
import { allPages, type CommonFlags, type Operation, operate, tenantVerb, waitFlag, yesFlag } from '../command.ts';
import { confirm } from '../input/confirm.ts';
import { shortTime } from '../output/times.ts';
import { reportChange } from '../wait.ts';

interface TokenFlags extends CommonFlags {
  readonly tokenFile?: string;
}

const tokenFile = ['--token-file <file>', 'write the token there (mode 0600, never over a file) in place of printing it'] as const;

export function addAgentCommands(program: Command): void {
  const noun = program.command('agent').description('who may borrow');
  tenantVerb(noun, 'add <name>', 'make an agent; its token is shown once')
    .option(...tokenFile)
    .action((name: string, flags: TokenFlags) => add(name, flags));
  tenantVerb(noun, 'list', 'all agents').action((flags: CommonFlags) => list(flags));
  tenantVerb(noun, 'rotate-token <name>', 'make a new token; what was borrowed with the old one dies')
    .option(...tokenFile)
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
    const { agent, token } = await client.addAgent(await tenant(), name);
    if (flags.tokenFile !== undefined) await writeToken(flags.tokenFile, token);
    const shown = flags.tokenFile === undefined ? { token } : { token_file: flags.tokenFile };
    if (out.isJson) out.json({ ...agent, ...shown });
    else
      out.line(`agent ${agent.name} made. Its token, shown this once: ${flags.tokenFile === undefined ? token : `in ${flags.tokenFile}`}`);
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
    const { token, ...changed } = await operation.client.rotateAgentToken(await operation.tenant(), name);
    if (flags.tokenFile !== undefined) await writeToken(flags.tokenFile, token);
    const shown = flags.tokenFile === undefined ? { token } : { token_file: flags.tokenFile };
    const sentence = `agent ${changed.item.name} has a new token, shown this once: ${flags.tokenFile === undefined ? token : `in ${flags.tokenFile}`}`;
    await reportChange(operation, { ...changed, item: { ...changed.item, ...shown } }, sentence, flags.wait === true);
  });
}

async function change(name: string, verb: keyof typeof done, flags: CommonFlags): Promise<void> {
  if (verb === 'delete') await confirm(`Deleting the agent ${name}`, flags.yes === true);
  await operate(flags, async (operation) => {
    const changed = await operation.client.changeAgent(await operation.tenant(), name, verb);
    await reportChange(operation, changed, `agent ${changed.item.name} ${done[verb]}.`, flags.wait === true);
  });
}

async function writeToken(path: string, token: string): Promise<void> {
  try {
    const file = await open(path, 'wx', 0o600);
    await file.writeFile(`${token}\n`);
    await file.close();
  } catch (cause) {
    throw new AppError(
      'invalid_argument',
      `The token could not be written to ${path}, and it is lost.\nChoose a file that is not there, and make a new token with: leasehold agent rotate-token`,
      { cause },
    );
  }
}
