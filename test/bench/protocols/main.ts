// What HTTP/2 and WebSockets cost: CPU of the sidecar against nginx doing the same job in the same minute.
// `node test/bench/protocols/main.ts [--rounds 8] [--seconds 3]`
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createTestCa } from '../../harness/certificates.ts';
import { cpuTicks } from '../injected-get/load.ts';
import { freePort, requirePrograms, startNginx, startUpstream } from '../injected-get/nginx.ts';
import type { UnderTest } from '../injected-get/sidecar-under-test.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '8' }, seconds: { type: 'string', default: '3' } } });
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const [proxyCore, loadCore] = [0, 1];

requirePrograms();
const dir = await mkdtemp(join(tmpdir(), 'leasehold-bench-'));
const stops: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })];
try {
  await measure();
} finally {
  for (const stop of stops.toReversed()) await stop();
}

async function measure(): Promise<void> {
  const value = `sk-bench-${'0123456789abcdef'.repeat(2)}`;
  const ca = await createTestCa('Bench CA');
  const ports = { plain: await freePort(), tls: await freePort() };
  const upstream = await startUpstream(dir, loadCore, ports, await ca.issue(['localhost']), { '200': 'x'.repeat(200), '16k': '' });
  stops.push(upstream.stop);
  const echo = await startChild('echo-server.ts', loadCore);
  const reference = { plain: await freePort(), tls: await freePort() };
  await writeFile(join(dir, 'ca.crt'), ca.caPem);
  const nginx = await startNginx(dir, 'reference', proxyCore, reference.plain, servers(reference, ports.tls, echo.port, value));
  stops.push(nginx.stop);
  const underTest: UnderTest = { value, plainPort: echo.port, tlsPort: ports.tls, caPem: ca.caPem };
  const sidecar = await startChild('../injected-get/sidecar-under-test.ts', proxyCore, JSON.stringify(underTest));
  const authority = `localhost:${ports.tls}`;

  const jobs = [
    {
      name: 'HTTP/2 in (TLS ended) → TLS, 200 B',
      nginx: await startChild('streams.ts', loadCore, String(reference.tls), '', authority, '/files/200'),
      sidecar: await startChild('streams.ts', loadCore, String(sidecar.port), authority, authority, '/files/200'),
    },
    {
      name: 'WebSocket message there and back, 64 B',
      nginx: await startChild('messages.ts', loadCore, `ws://127.0.0.1:${reference.plain}/files/echo`),
      sidecar: await startChild('messages.ts', loadCore, `ws://127.0.0.1:${sidecar.port}/plain/files/echo`),
    },
  ];
  console.log('| CPU per request or message | nginx µs | sidecar µs | × nginx | per second |\n|---|---|---|---|---|');
  for (const job of jobs) {
    await load(job.sidecar.child, sidecar.pid, 2);
    const pairs: { readonly nginx: number; readonly sidecar: number; readonly perSecond: number }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const one = await load(job.nginx.child, nginx.pid, seconds);
      const other = await load(job.sidecar.child, sidecar.pid, seconds);
      pairs.push({ nginx: one.cpuUs, sidecar: other.cpuUs, perSecond: other.perSecond });
    }
    const ratio = median(pairs.map((pair) => pair.sidecar / pair.nginx));
    const [nginxUs, sidecarUs, perSecond] = (['nginx', 'sidecar', 'perSecond'] as const).map((key) =>
      median(pairs.map((pair) => pair[key])),
    );
    console.log(`| ${[job.name, nginxUs?.toFixed(1), sidecarUs?.toFixed(1), ratio.toFixed(2), perSecond?.toFixed(0)].join(' | ')} |`);
  }
}

/** The same jobs by nginx. It speaks HTTP/1.1 to the upstream, since it can't do otherwise; so does this upstream to the sidecar. */
function servers(port: { readonly plain: number; readonly tls: number }, upstreamPort: number, echoPort: number, value: string): string {
  return `upstream tls { server 127.0.0.1:${upstreamPort}; keepalive 64; keepalive_requests 100000000; }
    server {
      listen 127.0.0.1:${port.plain};
      listen 127.0.0.1:${port.tls} ssl http2;
      ssl_certificate ${dir}/upstream.crt;
      ssl_certificate_key ${dir}/upstream.key;
      proxy_http_version 1.1;
      proxy_set_header Authorization "Bearer ${value}";
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate ${dir}/ca.crt;
      proxy_ssl_name localhost;
      proxy_ssl_server_name on;
      location = /files/200 { proxy_set_header Connection ""; proxy_pass https://tls; }
      location = /files/echo { proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_pass http://127.0.0.1:${echoPort}; }
    }`;
}

interface Load {
  /** CPU of the process under test, user and system, µs a request or message. */
  readonly cpuUs: number;
  readonly perSecond: number;
}

async function load(child: ChildProcess, pid: number, forSeconds: number): Promise<Load> {
  const before = await cpuTicks(pid);
  child.send(forSeconds);
  const [{ count }] = await once(child, 'message');
  return { cpuUs: (((await cpuTicks(pid)) - before) * 10_000) / count, perSecond: count / forSeconds };
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
