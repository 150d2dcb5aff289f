// From the commit of a revocation to the secret being gone from the caches of 1, 100 and 1,000 simulated sidecars: real gRPC over TLS, pings
// and confirmations included, clients and broker on the same machine. `node test/bench/revocation-fanout.ts`
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createTestCa } from '../harness/certificates.ts';
import type { BrokerAnswer } from './fanout-broker.ts';
import type { SidecarsAnswer } from './fanout-sidecars.ts';

/** PERF's row for 1,000 sidecars: p99 in ms. */
const reach = { must: 250, aim: 100, moonshot: 50 };
const clientProcesses = 2;
const rounds: readonly { readonly sidecars: number; readonly revocations: number; readonly everyMs: number }[] = [
  { sidecars: 1, revocations: 100, everyMs: 20 },
  { sidecars: 100, revocations: 50, everyMs: 50 },
  { sidecars: 1_000, revocations: 30, everyMs: 300 },
];

const ca = await createTestCa('Bench CA');
const { certPem, keyPem } = await ca.issue(['broker.bench']);

console.log('| sidecars | revocations | p50 ms | p99 ms | max ms | broker CPU µs per event and sidecar | must / aim / moonshot (p99) |');
console.log('|---|---|---|---|---|---|---|');
let isReached = true;
for (const { sidecars, revocations, everyMs } of rounds) {
  const { latencies, cpuMs } = await play(sidecars, revocations, everyMs);
  const p99 = quantile(latencies, 0.99);
  const verdict = sidecars < 1_000 ? '' : verdictOf(p99);
  if (sidecars === 1_000) isReached = p99 <= reach.must;
  const figures = [quantile(latencies, 0.5), p99, quantile(latencies, 1)].map((ms) => ms.toFixed(1));
  console.log(`| ${[sidecars, revocations, ...figures, ((cpuMs * 1_000) / latencies.length).toFixed(0), verdict].join(' | ')} |`);
}
process.exitCode = isReached ? 0 : 1;

async function play(
  sidecars: number,
  revocations: number,
  everyMs: number,
): Promise<{ readonly latencies: readonly number[]; readonly cpuMs: number }> {
  const broker = start('fanout-broker.ts', [certPem, keyPem]);
  const { port } = await answer<BrokerAnswer>(broker, ({ port }) => port !== undefined);
  const shares = Array.from({ length: Math.min(clientProcesses, sidecars) }, (_, n, all = Math.min(clientProcesses, sidecars)) =>
    Math.floor((sidecars + n) / all),
  );
  const clients = shares.map((share, n) => start('fanout-sidecars.ts', [ca.caPem, String(port), String(share), String(n * sidecars)]));
  await Promise.all(clients.map((client) => answer<SidecarsAnswer>(client, ({ joined }) => joined !== undefined)));
  broker.send({ revocations, everyMs });
  const { committed = [], cpuMs = 0 } = await answer<BrokerAnswer>(broker, (said) => said.committed !== undefined);
  const results = await Promise.all(
    clients.map((client) => {
      client.send('report');
      return answer<SidecarsAnswer>(client, ({ purged }) => purged !== undefined);
    }),
  );
  broker.send('end');
  await Promise.all([broker, ...clients].map((child) => once(child, 'exit')));
  const purges = results.flatMap(({ purged = [] }) => purged);
  const lost = results.reduce((sum, result) => sum + (result.lost ?? 0), 0);
  if (lost > 0 || purges.length !== sidecars || purges.some((times) => times.length !== revocations))
    throw new Error(`${sidecars} sidecars: ${lost} streams were lost, or events are missing`);
  const latencies = purges.flatMap((times) => times.map((time, n) => Number(BigInt(time) - BigInt(committed[n] ?? 0)) / 1e6));
  return { latencies: latencies.toSorted((one, other) => one - other), cpuMs };
}

function start(file: string, args: readonly string[]): ChildProcess {
  return fork(join(import.meta.dirname, file), args);
}

/** The first message that is the awaited one; a child that dies first is an error. */
function answer<T>(child: ChildProcess, isAwaited: (said: T) => boolean): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const onMessage = (said: T) => {
    if (isAwaited(said)) resolve(said);
  };
  const onExit = (code: number | null) => reject(new Error(`a process of the bench ended with ${code}`));
  child.on('message', onMessage);
  child.once('exit', onExit);
  return promise.finally(() => {
    child.off('message', onMessage);
    child.off('exit', onExit);
  });
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

function verdictOf(p99: number): string {
  const best = Object.entries(reach).findLast(([, limit]) => p99 <= limit)?.[0] ?? 'missed';
  return `≤ ${reach.must} / ${reach.aim} / ${reach.moonshot}: ${best}`;
}
