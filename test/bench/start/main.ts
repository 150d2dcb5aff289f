// Start to ready (in step with a real broker, routes known), and memory when idle, of the sidecar's bundle.
// `npx pnpm@12.21.0 run build`, then `node test/bench/start/main.ts [--rounds 10]`
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createAdminClient } from '@leasehold/contract/admin';
import { startService } from '../../harness/service.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '10' } } });
const bundle = join(import.meta.dirname, '..', '..', '..', 'deploy', 'dist', 'leasehold-sidecar.js');
const reach = { startMs: { must: 500, aim: 250, moonshot: 150 }, rssMb: { must: 90, aim: 75, moonshot: 60 } };

if (!existsSync(bundle)) {
  console.error(`There is no bundle at ${bundle}. Build it first: npx pnpm@12.21.0 run build`);
  process.exit(2);
}
const dir = await mkdtemp(join(tmpdir(), 'leasehold-bench-'));
const broker = await startService('broker', [
  '--state-dir',
  join(dir, 'broker'),
  '--grpc-port',
  '0',
  '--admin-port',
  '0',
  '--metrics-port',
  '0',
]);
const caFile = String(broker.facts.ca_file);
const tokenFile = join(dir, 'agent.token');
const compileCache = join(dir, 'compile-cache');
await mkdir(compileCache);
await provision();

const starts: number[] = [];
const sizes: number[] = [];
for (let round = 0; round <= Number(values.rounds); round += 1) {
  const begin = performance.now();
  const args = ['--broker', `localhost:${broker.facts.grpc_port}`, '--broker-ca-file', caFile, '--agent-token-file', tokenFile];
  const child = fork(bundle, [...args, '--proxy-port', '0', '--metrics-port', '0', '--log-level', 'error'], {
    execArgv: ['--max-semi-space-size=1'],
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
  });
  const [{ ready }] = await once(child, 'message');
  while ((await fetch(`http://127.0.0.1:${ready.metrics_port}/readyz`)).status !== 200) await pause(1);
  const startMs = performance.now() - begin;
  await pause(2_000);
  const rssMb = await rss(child.pid ?? 0);
  child.kill();
  await once(child, 'exit');
  // The first round fills the compile cache.
  if (round === 0) continue;
  starts.push(startMs);
  sizes.push(rssMb);
}
await broker.stop();
await rm(dir, { recursive: true, force: true });

const median = (figures: readonly number[]) => figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? 0;
const verdict = (figure: number, { must, aim, moonshot }: { must: number; aim: number; moonshot: number }) =>
  `${must} / ${aim} / ${moonshot}: ${figure <= moonshot ? 'moonshot' : figure <= aim ? 'aim' : figure <= must ? 'must' : 'missed'}`;
console.log('| sidecar, from its bundle | median | least | most | must / aim / moonshot |\n|---|---|---|---|---|');
console.log(
  `| start to ready, ms | ${median(starts).toFixed(0)} | ${Math.min(...starts).toFixed(0)} | ${Math.max(...starts).toFixed(0)} | ${verdict(median(starts), reach.startMs)} |`,
);
console.log(
  `| RSS when idle, MB | ${median(sizes).toFixed(1)} | ${Math.min(...sizes).toFixed(1)} | ${Math.max(...sizes).toFixed(1)} | ${verdict(median(sizes), reach.rssMb)} |`,
);
if (median(starts) > reach.startMs.must || median(sizes) > reach.rssMb.must) process.exitCode = 1;

async function provision(): Promise<void> {
  const admin = createAdminClient({
    url: `https://localhost:${broker.facts.admin_port}`,
    token: (await readFile(String(broker.facts.operator_token_file), 'utf8')).trim(),
    caPem: await readFile(caFile, 'utf8'),
  });
  await admin.addTenant('bench');
  const { token } = await admin.addAgent('bench', 'agent');
  await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
  await admin.close();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function rss(pid: number): Promise<number> {
  const [, kb = '0'] = /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kb) / 1_024;
}
