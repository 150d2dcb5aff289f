import { AppError, formatAuthority } from '@leasehold/core';
import type { Matched, Routed } from '@leasehold/sidecar/route';
import type { Command } from 'commander';
import { allPages, type CommonFlags, type Operation, operate, tenantVerb } from '../command.ts';
import { exitCodeOf } from '../exit-codes.ts';
import { knownRoutes } from '../explain/known-routes.ts';
import { requestToExplain } from '../explain/request-to-explain.ts';
import { injectionText } from '../output/injection-text.ts';
import type { Cell } from '../output/printer.ts';

type Refused = Exclude<Routed, Matched>;
type ExplainFlags = CommonFlags & { readonly agent?: string };

export function addExplainCommand(program: Command): void {
  tenantVerb(program, 'explain <method> <url>', 'which credential a request of an agent would carry, or why none and what would allow it')
    .option('--agent <name>', 'the agent (default: the only one there is)')
    .action((method: string, url: string, flags: ExplainFlags) => explain(method, url, flags));
}

/** The sidecar's own rules, on what the broker would tell it. Asks nobody for a lease, and sends nothing anywhere. */
async function explain(method: string, url: string, flags: ExplainFlags): Promise<void> {
  const [{ route }, { compileRoutes }] = await Promise.all([import('@leasehold/sidecar/route'), import('@leasehold/sidecar/route-table')]);
  await operate(flags, async (operation) => {
    const tenant = await operation.tenant();
    const agent = flags.agent ?? (await onlyAgent(operation, tenant));
    const routes = await operation.client.listRoutes(tenant, agent);
    const credentials = await allPages((after) => operation.client.listCredentials(tenant, { after }));
    const hosts = new Set(credentials.flatMap(({ destinations }) => destinations.map(({ host }) => host)));
    const { target, path } = requestToExplain(method, url, (host) => hosts.has(host));
    const decided = route(compileRoutes(knownRoutes(routes, credentials), agent), target, { rawHeaders: [], path });
    const asked = { method: target.method, url, agent };
    if (decided.kind === 'matched') tellAllowed(operation, asked, decided);
    else tellRefused(operation, asked, decided);
  });
}

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly agent: string;
}

function tellAllowed({ out }: Operation, asked: Asked, { route, destination, host, path }: Matched): void {
  const at = formatAuthority({ scheme: destination.scheme, host, port: destination.port });
  const { methods, pathPrefixes, ratePerMinute } = route.limits;
  if (out.isJson) {
    out.json({
      allowed: true,
      ...asked,
      credential: route.credentialName,
      version: route.version,
      grant_id: route.grantId,
      destination: at,
      path,
      injection: route.injection,
      rate_per_minute: ratePerMinute ?? null,
    });
    return;
  }
  const limits = [...methods, ...pathPrefixes, ...(ratePerMinute === undefined ? [] : [`${ratePerMinute}/min`])].join(' ');
  out.facts([
    ['allowed', `${asked.method} ${asked.url}`],
    ['agent', asked.agent],
    ['credential', `${route.credentialName}, version ${route.version}`],
    ['goes to', at],
    ['injection', injectionText(route.injection)],
    ['grant', route.grantId],
    ['limits', limits === '' ? null : limits],
  ]);
}

function tellRefused({ out }: Operation, asked: Asked, { code, message, destination, hint }: Refused): void {
  process.exitCode = exitCodeOf[code];
  if (out.isJson) {
    out.json({ allowed: false, ...asked, code, message, destination: destination ?? null, hint: hint ?? null });
    return;
  }
  const facts: (readonly [string, Cell])[] = [
    ['refused', `${asked.method} ${asked.url}`],
    ['agent', asked.agent],
    ['code', code],
    // The command stands on its own line.
    ['why', hint === undefined ? message : message.slice(0, message.lastIndexOf('. ') + 1)],
    ...(hint === undefined ? [] : [['to allow it', hint] as const]),
  ];
  out.facts(facts);
}

async function onlyAgent({ client }: Operation, tenant: string): Promise<string> {
  const { items } = await client.listAgents(tenant, { limit: 2 });
  const [only] = items;
  if (only === undefined) throw new AppError('not_found', 'There is no agent yet.\nMake one with: leasehold agent add NAME');
  if (items.length > 1) throw new AppError('invalid_argument', 'There are several agents.\nName one with --agent.');
  return only.name;
}
