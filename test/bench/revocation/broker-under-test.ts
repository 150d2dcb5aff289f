import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AdminClient, createAdminClient } from '@leasehold/contract/admin';
import { readiness } from '../../harness/service.ts';

/** The real broker program with a database of its own: SQLite, `synchronous=FULL`. */
export interface BrokerUnderTest {
  readonly admin: AdminClient;
  /** `host:port` for sidecars; stays the same over restarts. */
  readonly target: string;
  readonly caPem: string;
  cpuMs(): Promise<number>;
  rssMb(): Promise<number>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Resolves when it listens again. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

const root = join(import.meta.dirname, '..', '..', '..');
const programs = {
  /** What an image ships, once it is built. */
  bundle: join(root, 'deploy', 'dist', 'leasehold-broker.js'),
  /** Always there, and needs twice as long to start. */
  sources: join(root, 'packages', 'broker', 'src', 'main.ts'),
};
/** USER_HZ of Linux. */
const ticksPerS = 100;

/** `maxStaleness` is the broker's setting: a third of it is how often each sidecar pings. */
export async function startBrokerUnderTest(program: keyof typeof programs, maxStaleness = '3s'): Promise<BrokerUnderTest> {
  const main = programs[program];
  if (!existsSync(main)) throw new Error(`There is no bundle at ${main}. Build it first: npx pnpm@12.21.0 run build`);
  const dir = await mkdtemp(join(tmpdir(), 'leasehold-bench-'));
  const ports = { grpc: '0', admin: '0', metrics: '0' };
  const start = async (): Promise<ChildProcess> => {
    const flags = Object.entries(ports).flatMap(([name, port]) => [`--${name}-port`, port]);
    const child = fork(main, ['--state-dir', join(dir, 'broker'), '--log-level', 'error', '--max-staleness', maxStaleness, ...flags], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      // As for the sidecar's start: the second one finds what the first has compiled.
      env: { ...process.env, NODE_COMPILE_CACHE: join(dir, 'compile-cache') },
    });
    const ready = await readiness(child);
    Object.assign(ports, { grpc: `${ready.grpc_port}`, admin: `${ready.admin_port}`, metrics: `${ready.metrics_port}` });
    return child;
  };
  let child = await start();
  const caPem = await readFile(join(dir, 'broker', 'tls', 'ca.pem'), 'utf8');
  const token = (await readFile(join(dir, 'broker', 'operator.token'), 'utf8')).trim();
  const admin = createAdminClient({ url: `https://localhost:${ports.admin}`, token, caPem });
  const kill = async () => {
    if (child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  const procFile = (name: string) => readFile(`/proc/${child.pid}/${name}`, 'utf8');
  return {
    admin,
    target: `127.0.0.1:${ports.grpc}`,
    caPem,
    async cpuMs() {
      const fields = (await procFile('stat')).replace(/^.*\) /, '').split(' ');
      return ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksPerS;
    },
    async rssMb() {
      const [, kb] = /VmRSS:\s+(\d+) kB/.exec(await procFile('status')) ?? [];
      return Number(kb) / 1_024;
    },
    kill,
    async restart() {
      child = await start();
    },
    async close() {
      await admin.close();
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
