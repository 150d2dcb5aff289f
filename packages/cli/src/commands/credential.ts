import type { DestinationResource } from '@leasehold/contract/admin';
import { checkValue } from '@leasehold/core';
import type { Command } from 'commander';
import { allPages, type CommonFlags, operate, repeatable, tenantVerb, waitFlag, yesFlag } from '../command.ts';
import { confirm } from '../input/confirm.ts';
import { credentialDraft, type DraftFlags } from '../input/credential-draft.ts';
import { readValue } from '../input/value.ts';
import { injectionText } from '../output/injection-text.ts';
import { shortDuration, shortTime } from '../output/times.ts';
import { reportChange } from '../wait.ts';

export function addCredentialCommands(program: Command): void {
  const noun = program.command('credential').description('secrets, and where and how they may be used');
  tenantVerb(noun, 'add <name>', 'store a credential; the value comes on standard input, from --value-file, or at a prompt')
    .option('--service <name>', 'a template for all of this: leasehold service list; what is given besides goes before it')
    .option('--set <name=value>', 'fills in what the template leaves open, such as subdomain=acme; repeatable', repeatable)
    .option('--destination <url>', 'https://host[:port][/path] it may go to; repeatable', repeatable)
    .option('--header <"Name: template">', "put it into a header, such as 'Authorization: Bearer {value}'")
    .option('--basic <user>', 'basic auth with this user name; "{value}:" makes the value the user name')
    .option('--query <name>', 'put it into this query parameter')
    .option('--path-segment <template>', "put it into a path segment, such as 'bot{value}'")
    .option('--replace <places>', 'put it where its placeholder stands: some of header,query,path,body')
    .option('--placeholder <text>', 'what SDKs that insist on a key are given in its place; {random} is filled in')
    .option(
      '--env <NAME=VALUE>',
      'variable that agents with a grant are given; may hold {placeholder} and {base_url}; repeatable',
      repeatable,
    )
    .option('--body <form>', 'look for the placeholder in bodies of this form: json or form')
    .option('--path <prefix>', 'path prefix it may be used for; repeatable', repeatable)
    .option('--method <method>', 'method it may be used with; repeatable', repeatable)
    .option('--ca <file>', 'CA certificate (PEM) of the destination, in place of the system’s')
    .option('--private <cidr>', 'private address range the destination may resolve to; repeatable', repeatable)
    .option('--max-ttl <duration>', 'longest lease', '1h')
    .option('--type <type>', 'api_key, oauth_token, db_password, service_account or basic (default: api_key, or the template’s)')
    .option('--value-file <file>', 'file with the value')
    .action((name: string, flags: CommonFlags & DraftFlags & { valueFile?: string }) => add(name, flags));
  tenantVerb(noun, 'list', 'all credentials, without their values').action((flags: CommonFlags) => list(flags));
  tenantVerb(noun, 'show <name>', 'one credential, without its value').action((name: string, flags: CommonFlags) => show(name, flags));
  tenantVerb(noun, 'rotate <name>', 'store a new value: leases on the old one die, new leases carry the new one')
    .option('--value-file <file>', 'file with the value')
    .addOption(waitFlag())
    .action((name: string, flags: CommonFlags & { valueFile?: string }) => rotate(name, flags));
  for (const each of ['suspend', 'resume', 'delete'] as const) {
    const made = tenantVerb(noun, `${each} <name>`, abouts[each]);
    if (each !== 'resume') made.addOption(waitFlag());
    if (each === 'delete') made.addOption(yesFlag());
    made.action((name: string, flags: CommonFlags) => change(name, each, flags));
  }
}

const abouts = {
  suspend: 'cut it off everywhere at once, until it is resumed',
  resume: 'allow new leases again; old ones stay dead',
  delete: 'cut it off everywhere and forget its values',
};
const done = { suspend: 'suspended', resume: 'resumed', delete: 'deleted' };

async function add(name: string, flags: CommonFlags & DraftFlags & { readonly valueFile?: string }): Promise<void> {
  // Judged here too, before the value is read: the operator learns of a mistake without typing a secret first.
  const draft = await credentialDraft(name, flags);
  await operate(flags, async ({ client, out, tenant }) => {
    const within = await tenant();
    const added = await withValue(flags.valueFile, (value) => client.addCredential(within, { ...draft, value }));
    if (out.isJson) {
      out.json(added);
      return;
    }
    out.line(
      `credential ${added.name} stored (version ${added.version}). Lend it with: leasehold grant add --agent NAME --credential ${added.name}`,
    );
    if (added.placeholder !== null) out.line(`In its place agents are given: ${added.placeholder}`);
  });
}

/** Reads the value, hands it on in base64, and wipes what can be wiped. */
async function withValue<T>(file: string | undefined, use: (base64: string) => Promise<T>): Promise<T> {
  const value = await readValue(file);
  try {
    checkValue(value);
    return await use(value.toString('base64'));
  } finally {
    value.fill(0);
  }
}

async function list(flags: CommonFlags): Promise<void> {
  await operate(flags, async ({ client, out, tenant }) => {
    const name = await tenant();
    const credentials = await allPages((after) => client.listCredentials(name, { after }));
    if (out.isJson) {
      for (const each of credentials) out.json(each);
      return;
    }
    const rows = credentials.map((each) => [
      each.name,
      each.type,
      each.status,
      each.version,
      each.destinations.map(urlOf).join(', '),
      shortTime(each.updated_at),
    ]);
    out.table(['NAME', 'TYPE', 'STATUS', 'VERSION', 'DESTINATIONS', 'UPDATED'], rows);
  });
}

function urlOf({ scheme, host, port }: DestinationResource): string {
  return `${scheme}://${host}${port === (scheme === 'https' ? 443 : 80) ? '' : `:${port}`}`;
}

async function show(name: string, flags: CommonFlags): Promise<void> {
  await operate(flags, async ({ client, out, tenant }) => {
    const found = await client.showCredential(await tenant(), name);
    if (out.isJson) {
      out.json(found);
      return;
    }
    out.facts([
      ['name', found.name],
      ['id', found.id],
      ['type', found.type],
      ['status', found.status],
      ['version', found.version],
      ...found.destinations.map((each): [string, string] => [
        'destination',
        [urlOf(each), ...each.methods, ...each.path_prefixes].join(' '),
      ]),
      ['injection', injectionText(found.injection)],
      ['placeholder', found.placeholder],
      ...found.environment.map((each): [string, string] => ['environment', `${each.name}=${each.value}`]),
      ['service', found.service],
      ['longest lease', shortDuration(found.max_ttl_ms)],
      ['created', shortTime(found.created_at)],
      ['updated', shortTime(found.updated_at)],
    ]);
  });
}

async function rotate(name: string, flags: CommonFlags & { readonly valueFile?: string }): Promise<void> {
  await operate(flags, async (operation) => {
    const within = await operation.tenant();
    const changed = await withValue(flags.valueFile, (value) => operation.client.rotateCredential(within, name, value));
    await reportChange(
      operation,
      changed,
      `credential ${changed.item.name} rotated to version ${changed.item.version}.`,
      flags.wait === true,
    );
  });
}

async function change(name: string, verb: keyof typeof done, flags: CommonFlags): Promise<void> {
  if (verb === 'delete') await confirm(`Deleting the credential ${name}`, flags.yes === true);
  await operate(flags, async (operation) => {
    const changed = await operation.client.changeCredential(await operation.tenant(), name, verb);
    await reportChange(operation, changed, `credential ${changed.item.name} ${done[verb]}.`, flags.wait === true);
  });
}
