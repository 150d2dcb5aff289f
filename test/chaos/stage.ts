import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AdminClient, createAdminClient } from '@leasehold/contract/admin';
import { type RunningService, startService } from '../harness/service.ts';
import { startTcpRelay, type TcpRelay } from '../harness/tcp-relay.ts';

/** Real programs: one broker, and several sidecars that reach it through a relay each. */
export interface Stage {
  /** Of the broker that runs now. */
  admin(): AdminClient;
  readonly broker: StagedProgram;
  readonly sidecars: readonly StagedSidecar[];
  /** What programs logged that ended by themselves. */
  fatalLines(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export interface StagedProgram {
  /** Of the one that runs now. */
  facts(): RunningService['facts'];
  /** SIGKILL; `restart` brings it back, with the same data, on other ports. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

export interface StagedSidecar extends StagedProgram {
  readonly agent: string;
  readonly relay: TcpRelay;
  /** Of the sidecar that runs now. */
  caPem(): Buffer;
}

export const tenant = 'chaos';
/** Of pino. */
const fatal = 60;

export async function startStage(options: {
  readonly agents: readonly string[];
  readonly maxStalenessMs: number;
  readonly streamGraceMs: number;
}): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'leasehold-chaos-'));
  const any = (...names: readonly string[]) => names.flatMap((name) => [`--${name}-port`, '0']);
  const broker = await stageProgram('broker', join(dir, 'broker.log'), [
    ...['--state-dir', join(dir, 'broker'), '--max-staleness', `${options.maxStalenessMs}ms`],
    ...any('grpc', 'admin', 'metrics'),
  ]);
  const caFile = String(broker.facts().ca_file);
  const token = (await readFile(String(broker.facts().operator_token_file), 'utf8')).trim();
  const caPem = await readFile(caFile, 'utf8');
  const clientOf = (port: unknown) => ({ port, client: createAdminClient({ url: `https://localhost:${port}`, token, caPem }) });
  let current = clientOf(broker.facts().admin_port);
  const admin = () => {
    if (current.port !== broker.facts().admin_port) current = clientOf(broker.facts().admin_port);
    return current.client;
  };

  await admin().addTenant(tenant);
  const sidecars: StagedSidecar[] = [];
  for (const agent of options.agents) {
    const tokenFile = join(dir, `${agent}.token`);
    await writeFile(tokenFile, (await admin().addAgent(tenant, agent)).token, { mode: 0o600 });
    const relay = await startTcpRelay(() => Number(broker.facts().grpc_port));
    const caDir = join(dir, `${agent}-ca`);
    const program = await stageProgram('sidecar', join(dir, `${agent}.log`), [
      ...['--ca-dir', caDir],
      ...['--broker', `127.0.0.1:${relay.port}`, '--broker-ca-file', caFile, '--agent-token-file', tokenFile],
      ...['--instance-name', agent, '--stream-grace', `${options.streamGraceMs}ms`],
      ...any('proxy', 'metrics'),
    ]);
    sidecars.push({ ...program, agent, relay, caPem: () => readFileSync(join(caDir, 'ca.pem')) });
  }
  return {
    admin,
    broker,
    sidecars,
    async fatalLines() {
      const logs = await Promise.all(['broker', ...options.agents].map((name) => readFile(join(dir, `${name}.log`), 'utf8')));
      return logs.flatMap((log) => log.split('\n').filter((line) => line.includes(`"level":${fatal},`)));
    },
    close: async () => {
      for (const { relay } of sidecars) relay.set({ kind: 'pass' });
      for (const program of [...sidecars, broker]) {
        program.thaw();
        await program.kill();
      }
      for (const { relay } of sidecars) await relay.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function stageProgram(name: 'broker' | 'sidecar', logFile: string, args: readonly string[]): Promise<StagedProgram> {
  let running = await startService(name, args, logFile);
  let isUp = true;
  const signal = (which: NodeJS.Signals) => {
    if (isUp) process.kill(running.pid, which);
  };
  return {
    facts: () => running.facts,
    async kill() {
      signal('SIGKILL');
      isUp = false;
      await running.stop();
    },
    async restart() {
      running = await startService(name, args, logFile);
      isUp = true;
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
  };
}
