// Start to ready, and memory when idle, of the sidecar's bundle: `pnpm run build`, then `node test/bench/start/main.ts [--rounds 10]`
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createTestCa } from '../../harness/certificates.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '10' } } });
const bundle = join(import.meta.dirname, '..', '..', '..', 'deploy', 'dist', 'leasehold-sidecar.js');
const reach = { startMs: { must: 500, aim: 250, moonshot: 150 }, rssMb: { must: 90, aim: 75, moonshot: 60 } };

if (!existsSync(bundle)) {
  console.error(`There is no bundle at ${bundle}. Build it first: npx pnpm@12.21.0 run build`);
  process.exit(2);
}
const dir = await mkdtemp(join(tmpdir(), 'leasehold-bench-'));
const caFile = join(dir, 'ca.pem');
const tokenFile = join(dir, 'agent.token');
const compileCache = join(dir, 'compile-cache');
await writeFile(caFile, (await createTestCa()).caPem);
await writeFile(tokenFile, `lha_${'A'.repeat(43)}\n`, { mode: 0o600 });
await mkdir(compileCache);

const starts: number[] = [];
const sizes: number[] = [];
for (let round = 0; round <= Number(values.rounds); round += 1) {
  const begin = performance.now();
  const child = fork(
    bundle,
    [
      '--broker',
      'localhost:1',
      '--broker-ca-file',
      caFile,
      '--agent-token-file',
      tokenFile,
      '--proxy-port',
      '0',
      '--metrics-port',
      '0',
      '--log-level',
      'error',
    ],
    {
      execArgv: ['--max-semi-space-size=1'],
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
    },
  );
  await once(child, 'message');
  const startMs = performance.now() - begin;
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const rssMb = await rss(child.pid ?? 0);
  child.kill();
  await once(child, 'exit');
  // The first round fills the compile cache.
  if (round === 0) continue;
  starts.push(startMs);
  sizes.push(rssMb);
}
await rm(dir, { recursive: true, force: true });

const median = (figures: readonly number[]) => figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? 0;
const verdict = (figure: number, { must, aim, moonshot }: { must: number; aim: number; moonshot: number }) =>
  `${must} / ${aim} / ${moonshot}: ${figure <= moonshot ? 'moonshot' : figure <= aim ? 'aim' : figure <= must ? 'must' : 'missed'}`;
console.log('| sidecar, from its bundle | median | least | most | must / aim / moonshot |\n|---|---|---|---|---|');
console.log(
  `| start to listening, ms | ${median(starts).toFixed(0)} | ${Math.min(...starts).toFixed(0)} | ${Math.max(...starts).toFixed(0)} | ${verdict(median(starts), reach.startMs)} |`,
);
console.log(
  `| RSS when idle, MB | ${median(sizes).toFixed(1)} | ${Math.min(...sizes).toFixed(1)} | ${Math.max(...sizes).toFixed(1)} | ${verdict(median(sizes), reach.rssMb)} |`,
);
if (median(starts) > reach.startMs.must || median(sizes) > reach.rssMb.must) process.exitCode = 1;

async function rss(pid: number): Promise<number> {
  const [, kb = '0'] = /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kb) / 1_024;
}
