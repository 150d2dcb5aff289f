// What TLS inside a CONNECT costs: CPU of the sidecar against nginx, which ends TLS too, doing the same job in the same minute; on connections that
// stay, and with a full handshake for each request. `node test/bench/tunnel/main.ts [--rounds 8] [--seconds 3]`
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createTestCa } from '../../harness/certificates.ts';
import { type Burst, burst, cpuTicks } from '../injected-get/load.ts';
import { freePort, requirePrograms, startReference, startUpstream } from '../injected-get/nginx.ts';
import type { UnderTest } from '../injected-get/sidecar-under-test.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '8' }, seconds: { type: 'string', default: '3' } } });
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const [proxyCore, loadCore] = [0, 1];

/** PERF's rows: CPU × nginx. */
const jobs = [
  { name: 'TLS in a tunnel → TLS, 200 B', way: 'requests', must: 3.0, aim: 2.2, moonshot: 1.3 },
  { name: 'full TLS handshake in a tunnel, host seen before', way: 'handshakes', must: 2.0, aim: 1.5, moonshot: 1.2 },
] as const;

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
  const identity = await ca.issue(['localhost']);
  const ports = { plain: await freePort(), tls: await freePort() };
  const reference = { port: await freePort(), tlsPort: await freePort() };
  const upstream = await startUpstream(dir, loadCore, ports, identity, { '200': 'x'.repeat(200), '16k': '' });
  stops.push(upstream.stop);
  const nginx = await startReference(dir, proxyCore, reference.port, ports, value, ca.caPem, reference.tlsPort);
  stops.push(nginx.stop);
  const underTest: UnderTest = { value, plainPort: ports.plain, tlsPort: ports.tls, caPem: ca.caPem };
  const sidecar = await startChild('../injected-get/sidecar-under-test.ts', proxyCore, JSON.stringify(underTest));
  const authority = `localhost:${ports.tls}`;
  const toSidecar = await startChild('relay.ts', loadCore, String(sidecar.port), authority);
  // The same relay, so that both are loaded alike.
  const toNginx = await startChild('relay.ts', loadCore, String(reference.tlsPort));
  const handshakes = async (...args: readonly string[]) => (await startChild('handshakes.ts', loadCore, ...args)).child;
  const sides = {
    nginx: {
      pid: nginx.pid,
      url: `https://localhost:${toNginx.port}/tls/files/200`,
      handshakes: await handshakes(String(reference.tlsPort), '', authority, '/tls/files/200'),
    },
    sidecar: {
      pid: sidecar.pid,
      url: `https://localhost:${toSidecar.port}/files/200`,
      handshakes: await handshakes(String(sidecar.port), authority, authority, '/files/200'),
    },
  };
  const load = (side: (typeof sides)['nginx'], way: 'requests' | 'handshakes', forSeconds: number): Promise<Burst> =>
    way === 'requests'
      ? burst(side.url, side.pid, forSeconds, loadCore, [`Host: ${authority}`])
      : shakeHands(side.handshakes, side.pid, forSeconds);

  let isReached = true;
  console.log(
    '| CPU per request | nginx µs | sidecar µs | × nginx | req/s | must | aim | moonshot | |\n|---|---|---|---|---|---|---|---|---|',
  );
  for (const { name, way, must, aim, moonshot } of jobs) {
    await load(sides.sidecar, way, 2);
    const pairs: { readonly nginx: number; readonly sidecar: number; readonly perSecond: number }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const one = await load(sides.nginx, way, seconds);
      const other = await load(sides.sidecar, way, seconds);
      pairs.push({ nginx: one.cpuUs, sidecar: other.cpuUs, perSecond: other.perSecond });
    }
    const ratio = median(pairs.map((pair) => pair.sidecar / pair.nginx));
    const [nginxUs, sidecarUs, perSecond] = (['nginx', 'sidecar', 'perSecond'] as const).map((key) =>
      median(pairs.map((pair) => pair[key])),
    );
    const figures = [nginxUs?.toFixed(1), sidecarUs?.toFixed(1), ratio.toFixed(2), perSecond?.toFixed(0)];
    const verdict = ratio <= moonshot ? 'moonshot' : ratio <= aim ? 'aim' : ratio <= must ? 'must' : 'missed';
    console.log(`| ${[name, ...figures, must, aim, moonshot, verdict].join(' | ')} |`);
    isReached &&= ratio <= must;
  }
  return isReached;
}

async function shakeHands(child: ChildProcess, pid: number, seconds: number): Promise<Burst> {
  const before = await cpuTicks(pid);
  child.send(seconds);
  const [{ count }] = await once(child, 'message');
  return { requests: count, cpuUs: (((await cpuTicks(pid)) - before) * 10_000) / count, perSecond: count / seconds };
}

interface Child {
  readonly child: ChildProcess;
  readonly port: number;
  readonly pid: number;
}

async function startChild(file: string, core: number, ...args: readonly string[]): Promise<Child> {
  const child = fork(join(import.meta.dirname, file), [...args], { execArgv: ['--disable-warning=ExperimentalWarning'] });
  const [{ port }] = await once(child, 'message');
  const pid = child.pid ?? 0;
  spawnSync('taskset', ['-a', '-c', '-p', String(core), String(pid)]);
  stops.push(async () => {
    const gone = once(child, 'exit');
    child.disconnect();
    await gone;
  });
  return { child, port, pid };
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
