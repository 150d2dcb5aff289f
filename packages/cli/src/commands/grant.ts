import { AppError, isMethod, isPathPrefix, parseDuration } from '@leasehold/core';
import type { Command } from 'commander';
import { allPages, type CommonFlags, operate, repeatable, tenantVerb, waitFlag, yesFlag } from '../command.ts';
import { confirm } from '../input/confirm.ts';
import { parseTime } from '../input/time.ts';
import { shortDuration, shortTime } from '../output/times.ts';
import { reportChange } from '../wait.ts';

interface PairFlags extends CommonFlags {
  readonly agent?: string;
  readonly credential?: string;
}

interface AddFlags extends PairFlags {
  readonly ttl: string;
  readonly notAfter?: string;
  readonly method?: readonly string[];
  readonly path?: readonly string[];
  readonly rate?: string;
}

export function addGrantCommands(program: Command): void {
  const noun = program.command('grant').description('which agent may lease which credential');
  tenantVerb(noun, 'add', 'let an agent lease a credential, or change the limits of a grant that is there')
    .option('--agent <name>', 'the agent')
    .option('--credential <name>', 'the credential')
    .option('--ttl <duration>', 'longest lease', '5m')
    .option('--not-after <time>', 'when the grant runs out (RFC 3339)')
    .option('--method <method>', 'method it is limited to; repeatable', repeatable)
    .option('--path <prefix>', 'path prefix it is limited to; repeatable', repeatable)
    .option('--rate <number>', 'requests a minute')
    .addOption(waitFlag())
    .action((flags: AddFlags) => add(flags));
  tenantVerb(noun, 'list', 'all grants').action((flags: CommonFlags) => list(flags));
  tenantVerb(noun, 'revoke', 'take a grant back: leases under it die at once')
    .option('--agent <name>', 'the agent')
    .option('--credential <name>', 'the credential')
    .addOption(waitFlag())
    .addOption(yesFlag())
    .action((flags: PairFlags) => revoke(flags));
}

async function add(flags: AddFlags): Promise<void> {
  const { agent, credential } = pairOf(flags);
  const ttlMs = parseDuration(flags.ttl);
  const { method: methods = [], path: paths = [], notAfter } = flags;
  const notAfterMs = notAfter === undefined ? undefined : parseTime(notAfter);
  const problems = [
    ...(ttlMs === undefined ? [`--ttl "${flags.ttl}" is no duration: write it as 5m or 1h.`] : []),
    ...(flags.rate !== undefined && !/^[1-9]\d{0,8}$/.test(flags.rate)
      ? [`--rate "${flags.rate}" is no whole number of requests a minute.`]
      : []),
    ...(notAfter !== undefined && notAfterMs === undefined
      ? [`--not-after "${notAfter}" is no RFC 3339 time such as 2030-01-31T12:00:00Z.`]
      : []),
    ...methods.filter((each) => !isMethod(each.toUpperCase())).map((each) => `--method "${each}" is no HTTP method.`),
    ...paths.filter((each) => !isPathPrefix(each)).map((each) => `--path "${each}" is no path prefix.`),
  ];
  if (problems.length > 0) throw new AppError('invalid_argument', problems.join('\n'));
  await operate(flags, async (operation) => {
    const changed = await operation.client.putGrant(await operation.tenant(), {
      agent,
      credential,
      ttl_ms: ttlMs ?? 0,
      not_after: notAfterMs === undefined ? null : new Date(notAfterMs).toISOString(),
      methods: methods.map((each) => each.toUpperCase()),
      path_prefixes: [...paths],
      rate_per_minute: flags.rate === undefined ? null : Number(flags.rate),
    });
    await reportChange(
      operation,
      changed,
      `${agent} may lease ${credential}, for ${shortDuration(changed.item.ttl_ms)} at a time.`,
      flags.wait === true,
    );
  });
}

function pairOf({ agent, credential }: PairFlags): { readonly agent: string; readonly credential: string } {
  if (agent === undefined || credential === undefined)
    throw new AppError('invalid_argument', 'A grant is between an agent and a credential.\nName both: --agent NAME --credential NAME');
  return { agent, credential };
}

async function list(flags: CommonFlags): Promise<void> {
  await operate(flags, async ({ client, out, tenant }) => {
    const name = await tenant();
    const grants = await allPages((after) => client.listGrants(name, { after }));
    if (out.isJson) {
      for (const each of grants) out.json(each);
      return;
    }
    const limits = (each: (typeof grants)[number]) =>
      [...each.methods, ...each.path_prefixes, ...(each.rate_per_minute === null ? [] : [`${each.rate_per_minute}/min`])].join(' ') || '-';
    out.table(
      ['AGENT', 'CREDENTIAL', 'TTL', 'NOT AFTER', 'LIMITS'],
      grants.map((each) => [each.agent, each.credential, shortDuration(each.ttl_ms), shortTime(each.not_after), limits(each)]),
    );
  });
}

async function revoke(flags: PairFlags): Promise<void> {
  const { agent, credential } = pairOf(flags);
  await confirm(`Revoking the grant of ${agent} on ${credential}`, flags.yes === true);
  await operate(flags, async (operation) => {
    const changed = await operation.client.revokeGrant(await operation.tenant(), { agent, credential });
    await reportChange(operation, changed, `${agent} may not lease ${credential} any more.`, flags.wait === true);
  });
}
