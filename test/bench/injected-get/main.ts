// What an injected GET costs: CPU of the sidecar per request against nginx doing the same job in the same minute, and the latency it adds.
// `node test/bench/injected-get/main.ts [--rounds 8] [--seconds 3] [--only NAME] [--prof DIR]`
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createTestCa } from '../../harness/certificates.ts';
import { burst, latencies, timedGet } from './load.ts';
import { freePort, requirePrograms, startReference, startUpstream } from './nginx.ts';
import type { UnderTest } from './sidecar-under-test.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string' },
    prof: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const [proxyCore, loadCore] = [0, 1];

/** PERF's rows: CPU × nginx. */
const jobs = [
  { name: 'plain → plain, 200 B', path: '/plain/files/200', must: 3.5, aim: 2.5, moonshot: 1.5 },
  { name: 'plain → TLS, 200 B', path: '/tls/files/200', must: 3.2, aim: 2.3, moonshot: 1.4 },
  { name: 'plain → plain, 16 KB', path: '/plain/files/16k', must: 4.0, aim: 3.0, moonshot: 1.6 },
].filter(({ name }) => values.only === undefined || name.includes(values.only));
const addedMs = { p50: { must: 0.6, aim: 0.3, moonshot: 0.2 }, p99: { must: 2, aim: 1, moonshot: 0.6 } };

requirePrograms();
const dir = await mkdtemp(join(tmpdir(), 'leasehold-bench-'));
const stops: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })];
try {
  process.exitCode = (await measure()) ? 0 : 1;
} finally {
  for (const stop of stops.toReversed()) await stop();
}

async function measure(): Promise<boolean> {
  const value = `sk-bench-${'0123456789abcdef'.repeat(2)}`;
  const ca = await createTestCa('Bench CA');
  const ports = { plain: await freePort(), tls: await freePort() };
  const referencePort = await freePort();
  const bodies = { '200': text(200), '16k': text(16_384) };
  const upstream = await startUpstream(dir, loadCore, ports, await ca.issue(['localhost']), bodies);
  stops.push(upstream.stop);
  const reference = await startReference(dir, proxyCore, referencePort, ports, value, ca.caPem);
  stops.push(reference.stop);
  const sidecar = await startSidecar({ value, plainPort: ports.plain, tlsPort: ports.tls, caPem: ca.caPem });
  stops.push(sidecar.stop);
  const bases = { nginx: `http://127.0.0.1:${referencePort}`, sidecar: `http://127.0.0.1:${sidecar.port}` };

  await checkContent(Object.values(bases), bodies);
  for (const { path } of jobs) await burst(bases.sidecar + path, sidecar.pid, 2, loadCore);

  let isReached = true;
  console.log(
    `| CPU per request | nginx µs | sidecar µs | × nginx | req/s | must | aim | moonshot | |\n|---|---|---|---|---|---|---|---|---|`,
  );
  for (const { name, path, ...reach } of jobs) {
    const pairs: { readonly nginx: number; readonly sidecar: number; readonly perSecond: number }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const one = await burst(bases.nginx + path, reference.pid, seconds, loadCore);
      const other = await burst(bases.sidecar + path, sidecar.pid, seconds, loadCore);
      pairs.push({ nginx: one.cpuUs, sidecar: other.cpuUs, perSecond: other.perSecond });
    }
    const ratio = median(pairs.map((pair) => pair.sidecar / pair.nginx));
    const [nginxUs, sidecarUs, perSecond] = (['nginx', 'sidecar', 'perSecond'] as const).map((key) =>
      median(pairs.map((pair) => pair[key])),
    );
    const figures = [nginxUs?.toFixed(1), sidecarUs?.toFixed(1), ratio.toFixed(2), perSecond?.toFixed(0)];
    console.log(`| ${[name, ...figures, reach.must, reach.aim, reach.moonshot, verdict(ratio, reach)].join(' | ')} |`);
    isReached &&= ratio <= reach.must;
  }
  await checkContent(Object.values(bases), bodies);

  const [direct = [], proxied = []] = await latencies(
    [`http://127.0.0.1:${ports.plain}/files/200`, `${bases.sidecar}/plain/files/200`],
    100 * seconds,
  );
  for (const [name, q] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    const added = quantile(proxied, q) - quantile(direct, q);
    console.log(
      `added latency ${name}: ${added.toFixed(2)} ms (${Object.values(addedMs[name]).join(' / ')}): ${verdict(added, addedMs[name])}`,
    );
    isReached &&= added <= addedMs[name].must;
  }
  return isReached;
}

async function startSidecar(underTest: UnderTest): Promise<{ readonly port: number; readonly pid: number; stop(): Promise<unknown> }> {
  const file = join(import.meta.dirname, 'sidecar-under-test.ts');
  const prof = values.prof === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.prof}`, '--cpu-prof-interval=200'];
  const child: ChildProcess = fork(file, [JSON.stringify(underTest)], { execArgv: ['--disable-warning=ExperimentalWarning', ...prof] });
  const [{ port }] = await once(child, 'message');
  await new Promise((resolve) => setTimeout(resolve, 100));
  const pid = child.pid ?? 0;
  const { spawnSync } = await import('node:child_process');
  spawnSync('taskset', ['-a', '-c', '-p', String(proxyCore), String(pid)]);
  return {
    port,
    pid,
    stop: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}

/** Whoever answers something else fast has not won. */
async function checkContent(bases: readonly string[], bodies: Readonly<Record<string, string>>): Promise<void> {
  const agent = new Agent();
  for (const base of bases)
    for (const way of ['plain', 'tls'])
      for (const [name, body] of Object.entries(bodies)) {
        const answer = await timedGet(`${base}/${way}/files/${name}`, agent);
        if (answer.body !== body)
          throw new Error(`${base}/${way}/files/${name} answered ${answer.status} with another body: ${answer.body.slice(0, 200)}`);
      }
}

/** Looks like JSON, so that the scrubber has to do what it does for real answers. */
function text(length: number): string {
  let made = '{"items":[';
  for (let n = 0; made.length < length; n += 1) made += `{"id":"item_${n}","name":"Something number ${n}","price":${n * 7}},`;
  return made.slice(0, length);
}

function verdict(figure: number, reach: { readonly must: number; readonly aim: number; readonly moonshot: number }): string {
  return figure <= reach.moonshot ? 'moonshot' : figure <= reach.aim ? 'aim' : figure <= reach.must ? 'must' : 'missed';
}

function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5);
}

function quantile(numbers: readonly number[], q: number): number {
  const sorted = numbers.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
