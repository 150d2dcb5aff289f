import type { Command } from 'commander';
import { type CommonFlags, operate, verb } from '../command.ts';
import { shortDuration } from '../output/times.ts';

export function addStatusCommands(program: Command): void {
  verb(program, 'status', 'the broker, its live leases, and the sidecars that follow it').action((flags: CommonFlags) =>
    operate(flags, async ({ client, out }) => {
      const status = await client.status();
      if (out.isJson) {
        out.json(status);
        return;
      }
      out.line(
        `broker ${status.version} · ${status.tenants} tenant${status.tenants === 1 ? '' : 's'} · ${status.live_leases} live lease${status.live_leases === 1 ? '' : 's'}`,
      );
      const rows = status.sidecars.map((each) => [each.instance, each.agent_id, each.applied_seq, shortDuration(each.connected_for_ms)]);
      out.table(['SIDECAR', 'AGENT', 'APPLIED SEQ', 'CONNECTED FOR'], rows);
    }),
  );
  program
    .command('version')
    .description('the version of this program')
    .option('--json', 'print a JSON object')
    .action(async ({ json }: { json?: boolean }) => {
      const { version } = await import('@leasehold/runtime');
      process.stdout.write(json === true ? `${JSON.stringify({ version, node: process.version })}\n` : `leasehold ${version}\n`);
    });
}
