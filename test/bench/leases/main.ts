// Leases issued a second over gRPC by one real broker: SQLite with synchronous=FULL, audited. Clients run in a process of their own.
// `node test/bench/leases/main.ts [--seconds 5] [--rounds 5] [--inflight 128]`
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createAdminClient } from '@leasehold/contract/admin';
import type { LoadOrder, LoadReport } from './load.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '5' },
    inflight: { type: 'string', default: '128' },
  },
});
const reach = { must: 2_000, aim: 5_000, moonshot: 10_000 };

const dir = await mkdtemp(join(tmpdir(), 'leasehold-bench-'));
const broker = fork(
  join(import.meta.dirname, '..', '..', '..', 'packages', 'broker', 'src', 'main.ts'),
  ['--state-dir', join(dir, 'broker'), '--grpc-port', '0', '--admin-port', '0', '--metrics-port', '0', '--log-level', 'error'],
  {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  },
);
const load = fork(join(import.meta.dirname, 'load.ts'), [], { execArgv: ['--disable-warning=ExperimentalWarning'] });
try {
  process.exitCode = (await measure()) ? 0 : 1;
} finally {
  load.kill();
  broker.kill();
  await once(broker, 'exit');
  await rm(dir, { recursive: true, force: true });
}

async function measure(): Promise<boolean> {
  const [{ ready }] = await once(broker, 'message');
  const caPem = await readFile(ready.ca_file, 'utf8');
  const admin = createAdminClient({
    url: `https://localhost:${ready.admin_port}`,
    token: (await readFile(ready.operator_token_file, 'utf8')).trim(),
    caPem,
  });
  await admin.addTenant('bench');
  const tokens: string[] = [];
  const { id: credentialId } = await admin.addCredential('bench', {
    name: 'api',
    destinations: [{ url: 'https://api.example.com' }],
    injection: { kind: 'header', name: 'Authorization', template: 'Bearer {value}' },
    value: Buffer.from('sk-bench-0123456789abcdef').toString('base64'),
  });
  for (const name of ['agent-1', 'agent-2', 'agent-3', 'agent-4']) {
    tokens.push((await admin.addAgent('bench', name)).token);
    await admin.putGrant('bench', { agent: name, credential: 'api' });
  }

  console.log('| round | leases/s | broker CPU µs per lease | p50 ms | p99 ms |\n|---|---|---|---|---|');
  const rates: number[] = [];
  for (let round = 0; round <= Number(values.rounds); round += 1) {
    const before = await cpuUs(broker.pid ?? 0);
    const order: LoadOrder = {
      target: `localhost:${ready.grpc_port}`,
      caPem,
      tokens,
      credentialId,
      inFlight: Number(values.inflight),
      seconds: Number(values.seconds),
    };
    load.send(order);
    const report: LoadReport = (await once(load, 'message'))[0];
    if (report.errors > 0) throw new Error(`${report.errors} calls failed: ${report.firstError}`);
    // The first round warms up.
    if (round === 0) continue;
    const cpu = ((await cpuUs(broker.pid ?? 0)) - before) / report.leases;
    rates.push(report.leases / report.seconds);
    console.log(`| ${round} | ${rates.at(-1)?.toFixed(0)} | ${cpu.toFixed(0)} | ${report.p50Ms.toFixed(1)} | ${report.p99Ms.toFixed(1)} |`);
  }
  const median = rates.toSorted((a, b) => a - b)[Math.floor(rates.length / 2)] ?? 0;
  const reached = median >= reach.moonshot ? 'moonshot' : median >= reach.aim ? 'aim' : median >= reach.must ? 'must' : 'missed';
  console.log(
    `\nmedian ${median.toFixed(0)} leases/s · must ≥ ${reach.must} · aim ≥ ${reach.aim} · moonshot ≥ ${reach.moonshot}: ${reached}`,
  );
  const { rows } = await verified(admin);
  console.log(`the audit trail of all of it is intact: ${rows} rows`);
  await admin.close();
  return median >= reach.must;
}

async function verified(admin: ReturnType<typeof createAdminClient>): Promise<{ rows: number }> {
  const verdict = (await Array.fromAsync(admin.verifyAudit('bench'))).at(-1);
  if (verdict?.done !== true || !verdict.intact) throw new Error('the audit trail is broken');
  return verdict;
}

/** User and system time of a process, from /proc (Linux; clock ticks are 10 ms). */
async function cpuUs(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}
