import type { AuditRowResource, AuditVerificationResource } from '@leasehold/contract/admin';
import { AppError } from '@leasehold/core';
import type { Command } from 'commander';
import { type CommonFlags, operate, tenantVerb } from '../command.ts';
import type { Printer } from '../output/printer.ts';
import { shortTime } from '../output/times.ts';

const exportPage = 1_000;

export function addAuditCommands(program: Command): void {
  const noun = program.command('audit').description('the trail of every decision');
  tenantVerb(noun, 'tail', 'the newest rows')
    .option('--limit <number>', 'how many', '20')
    .action((flags: CommonFlags & { limit: string }) => tail(flags));
  tenantVerb(noun, 'verify', 'walk the hash chain and name the first bad row').action((flags: CommonFlags) => verify(flags));
  tenantVerb(noun, 'export', 'all rows, oldest first, one JSON object a line').action((flags: CommonFlags) => exportAll(flags));
}

async function tail(flags: CommonFlags & { readonly limit: string }): Promise<void> {
  const limit = /^[1-9]\d{0,3}$/.test(flags.limit) ? Number(flags.limit) : 0;
  if (limit < 1 || limit > 1_000)
    throw new AppError('invalid_argument', `--limit "${flags.limit}" is no number from 1 to 1000.\nLeave it out for 20.`);
  await operate(flags, async ({ client, out, tenant }) => {
    const rows = await client.newestAudit(await tenant(), limit);
    if (out.isJson) for (const row of rows) out.json(row);
    else
      out.table(
        ['SEQ', 'TIME', 'ACTOR', 'ACTION', 'OUTCOME', 'WHAT'],
        rows.map((row) => [row.seq, shortTime(row.at), row.actor.kind, row.action, row.reason ?? row.outcome, whatOf(row)]),
      );
  });
}

function whatOf({ detail }: AuditRowResource): string {
  const { name, agent, credential, method, authority, path, status, count } = detail;
  if (method !== undefined) return `${method} ${authority}${path} → ${status}${Number(count) > 1 ? ` (${count} times)` : ''}`;
  if (agent !== undefined) return `${agent} ← ${credential}`;
  if (name !== undefined) return String(name);
  return Object.entries(detail)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

async function verify(flags: CommonFlags): Promise<void> {
  await operate(flags, async ({ client, out, tenant }) => {
    for await (const step of client.verifyAudit(await tenant())) {
      out.progress(step.done ? '' : `${step.rows} of ${step.of} rows are as they were written`);
      if (step.done) report(out, step);
    }
  });
}

function report(out: Printer, verdict: Extract<AuditVerificationResource, { done: true }>): void {
  const { done: _, ...found } = verdict;
  if (out.isJson) out.json(found);
  else if (verdict.intact) out.line(`the audit trail is intact: ${verdict.rows} rows`);
  else
    process.stderr.write(
      `leasehold: The audit trail is broken at row ${verdict.bad_seq}: ${verdict.why}.\nCompare with an export or a backup from before.\n`,
    );
  if (!verdict.intact) process.exitCode = 1;
}

async function exportAll(flags: CommonFlags): Promise<void> {
  await operate(flags, async ({ client, out, tenant }) => {
    const name = await tenant();
    let after = 0;
    for (;;) {
      const rows = await client.auditAfter(name, after, exportPage);
      for (const row of rows) out.json(row);
      await out.drained();
      after = rows.at(-1)?.seq ?? after;
      if (rows.length < exportPage) return;
    }
  });
}
