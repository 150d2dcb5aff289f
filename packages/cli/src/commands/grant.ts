import type { GrantResource } from '@leasehold/contract/admin';
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
  readonly ttl?: string;
  readonly notAfter?: string;
  readonly method?: readonly string[];
  readonly path?: readonly string[];
  readonly rate?: string;
}

const defaultTtl = '5m';

export function addGrantCommands(program: Command): void {
  const noun = program.command('grant').description('which agent may lease which credential');
  tenantVerb(noun, 'add', 'let an agent lease a credential, or change the limits of a grant that is there')
    .option('--agent <name>', 'the agent')
    .option('--credential <name>', 'the credential')
    .option('--ttl <duration>', `longest lease (default: ${defaultTtl})`)
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
  const ttlMs = parseDuration(flags.ttl ?? defaultTtl);
  const { method: methods = [], path: paths = [], notAfter } = flags;
  const notAfterMs = notAfter === undefined ? undefined : parseTime(notAfter);
  const problems = [
    ...(ttlMs === undefined ? [`--ttl "${flags.ttl}" is no duration: write it as 5m or 1h.`] : []),
    ...(flags.rate !== undefined && !/^[1-9]\d{0,8}$/.test(flags.rate)
      ? [`--rate "${flags.rate}" is no number of requests a minute: write 1 or more.`]
      : []),
    ...(notAfter !== undefined && notAfterMs === undefined
      ? [`--not-after "${notAfter}" is no RFC 3339 time such as 2030-01-31T12:00:00Z.`]
      : []),
    ...methods.filter((each) => !isMethod(each.toUpperCase())).map((each) => `--method "${each}" is no HTTP method.`),
    ...paths.filter((each) => !isPathPrefix(each)).map((each) => `--path "${each}" is no path prefix: it begins with "/".`),
  ];
  if (problems.length > 0) throw new AppError('invalid_argument', problems.join('\n'));
  await operate(flags, async (operation) => {
    const tenant = await operation.tenant();
    // What is not said stays: who changes one limit does not mean to drop the others.
    const before = await operation.client.findGrant(tenant, { agent, credential });
    const changed = await operation.client.putGrant(tenant, {
      agent,
      credential,
      ttl_ms: (flags.ttl === undefined ? before?.ttl_ms : undefined) ?? ttlMs ?? 0,
      not_after: notAfterMs === undefined ? (before?.not_after ?? null) : new Date(notAfterMs).toISOString(),
      methods: flags.method === undefined ? (before?.methods ?? []) : methods.map((each) => each.toUpperCase()),
      path_prefixes: flags.path === undefined ? (before?.path_prefixes ?? []) : [...paths],
      rate_per_minute: flags.rate === undefined ? (before?.rate_per_minute ?? null) : Number(flags.rate),
    });
    const { item } = changed;
    const end = item.not_after === null ? '' : `, until ${shortTime(item.not_after)}`;
    const limits = limitsOf(item) === '-' ? '' : `; limited to ${limitsOf(item)}`;
    const told = `${agent} may lease ${credential}, for ${shortDuration(item.ttl_ms)} at a time${end}${limits}.`;
    await reportChange(operation, changed, told, flags.wait === true);
  });
}

function limitsOf({ methods, path_prefixes, rate_per_minute }: GrantResource): string {
  return [...methods, ...path_prefixes, ...(rate_per_minute === null ? [] : [`${rate_per_minute}/min`])].join(' ') || '-';
}

function pairOf({ agent, credential }: PairFlags): { readonly agent: string; readonly credential: string } {
  if (agent === undefined || credential === undefined)
    throw new AppError('invalid_argument', 'A grant is between an agent and a credential.\nName both: --agent NAME --credential NAME');
  return { agent, credential };
}

async function list(flags: CommonFlags): Promise<void> {
  await operate(flags, async ({ client, out, tenant }) => {
    const name = await tenant();
    const found = await allPages((after) => client.listGrants(name, { after }));
    const grants = found.toSorted((one, other) => compare(one.agent, other.agent) || compare(one.credential, other.credential));
    if (out.isJson) {
      for (const each of grants) out.json(each);
      return;
    }
    out.table(
      ['AGENT', 'CREDENTIAL', 'TTL', 'NOT AFTER', 'LIMITS'],
      grants.map((each) => [each.agent, each.credential, shortDuration(each.ttl_ms), shortTime(each.not_after), limitsOf(each)]),
    );
  });
}

async function revoke(flags: PairFlags): Promise<void> {
  const { agent, credential } = pairOf(flags);
  await confirm(`Revoking the grant of ${agent} on ${credential}`, flags.yes === true, 'ends the leases under it at once');
  await operate(flags, async (operation) => {
    const changed = await operation.client.revokeGrant(await operation.tenant(), { agent, credential });
    await reportChange(operation, changed, `${agent} may not lease ${credential} any more.`, flags.wait === true);
  });
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
