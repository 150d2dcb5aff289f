import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestCa } from '../../harness/certificates.ts';
import { type Burst, cpuTicks } from './burst.ts';
import { type Bodies, freePort, requirePrograms, startUpstream } from './nginx.ts';
import type { UnderTest } from './sidecar-under-test.ts';

/** The proxies are pinned to one core, and all that loads and answers them to the other. */
export const proxyCore = 0;
export const loadCore = 1;

export interface Stage {
  readonly dir: string;
  readonly value: string;
  readonly caPem: string;
  /** Of the vendor, which is nginx too. */
  readonly upstream: { readonly plain: number; readonly tls: number };
  /** What is stopped when all is over, last first. */
  onEnd(stop: () => Promise<unknown>): void;
  /** One of our programs, over IPC: it says its port first, and ends when we disconnect. */
  startChild(file: string, core: number, ...args: readonly string[]): Promise<Child>;
  /** `plainPort`: of another vendor that speaks in the clear. */
  startSidecar(plainPort?: number): Promise<Child>;
}

export interface Child {
  readonly child: ChildProcess;
  readonly port: number;
  readonly pid: number;
}

/** Runs a bench on a stage of its own and ends the process: with 1 when something that must be reached was missed. */
export async function onStage(bodies: Bodies, bench: (stage: Stage) => Promise<boolean>): Promise<void> {
  requirePrograms();
  const dir = await mkdtemp(join(tmpdir(), 'leasehold-bench-'));
  const stops: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })];
  const onEnd: Stage['onEnd'] = (stop) => stops.push(stop);
  const startChild: Stage['startChild'] = async (file, core, ...args) => {
    const child = fork(join(import.meta.dirname, file), [...args], { execArgv: ['--disable-warning=ExperimentalWarning'] });
    const [{ port }] = await once(child, 'message');
    const pid = child.pid ?? 0;
    spawnSync('taskset', ['-a', '-c', '-p', String(core), String(pid)]);
    onEnd(async () => {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    });
    return { child, port, pid };
  };
  try {
    const value = `sk-bench-${'0123456789abcdef'.repeat(2)}`;
    const ca = await createTestCa('Bench CA');
    const upstream = { plain: await freePort(), tls: await freePort() };
    const vendor = await startUpstream(dir, loadCore, upstream, await ca.issue(['localhost']), bodies);
    onEnd(vendor.stop);
    const { caPem } = ca;
    const startSidecar: Stage['startSidecar'] = (plainPort = upstream.plain) => {
      const underTest: UnderTest = { value, plainPort, tlsPort: upstream.tls, caPem };
      return startChild('sidecar-under-test.ts', proxyCore, JSON.stringify(underTest));
    };
    process.exitCode = (await bench({ dir, value, caPem, upstream, onEnd, startChild, startSidecar })) ? 0 : 1;
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

/** Has a load of ours run for so long, and tells what that cost the process `pid`. */
export async function loadBy({ child }: Child, pid: number, seconds: number): Promise<Burst> {
  const before = await cpuTicks(pid);
  child.send(seconds);
  const [{ count }] = await once(child, 'message');
  return { requests: count, cpuUs: (((await cpuTicks(pid)) - before) * 10_000) / count, perSecond: count / seconds };
}
