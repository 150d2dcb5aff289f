// The promise in figures: from the commit of a revocation to the secret being gone from every sidecar's cache, how soon a crowd is back after
// the broker was killed, and what a stream costs the broker. One real broker (SQLite, durable), sidecars' control sides in a few processes.
// `npx pnpm@12.21.0 run build`, then `node test/bench/revocation/main.ts [--sidecars 1,100,1000,10000] [--storms 1000] [--processes 2] [--json FILE]`
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { startBrokerUnderTest } from './broker-under-test.ts';
import { startCrowds } from './crowds.ts';
import { quantilesOf } from './quantiles.ts';
import { type FanOutRow, isReached, type RevocationResults, type StormRow, tablesOf } from './results.ts';

const { values } = parseArgs({
  options: {
    sidecars: { type: 'string', default: '1,100,1000,10000' },
    storms: { type: 'string', default: '1000' },
    processes: { type: 'string', default: '2' },
    json: { type: 'string' },
  },
});
const tenant = 'bench';
const credential = 'api';
const maxAgents = 100;
/** Borrowing anew is spread, so that it is over and done with before the next revocation. */
const borrowsPerS = 1_000;
/** Pings of more sidecars than this, each second, are more than two cores hold beside the sidecars themselves: they ping every ten seconds. */
const maxPingingEachSecond = 2_000;

const sizes = numbers(values.sidecars);
const storms = new Set(numbers(values.storms));
const fanOut: FanOutRow[] = [];
const storm: StormRow[] = [];
for (const sidecars of sizes) await measure(sidecars);

const results: RevocationResults = { fanOut, storm };
console.log(tablesOf(results));
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`);
process.exitCode = isReached(results) ? 0 : 1;

async function measure(sidecars: number): Promise<void> {
  const broker = await startBrokerUnderTest('bundle', sidecars > maxPingingEachSecond ? '30s' : '3s');
  const crowds = startCrowds(sidecars, Number(values.processes));
  try {
    const { admin, target, caPem } = broker;
    await admin.addTenant(tenant);
    const { id: credentialId } = await admin.addCredential(tenant, {
      name: credential,
      destinations: [{ url: 'https://api.example.com' }],
      injection: { kind: 'header', name: 'Authorization', template: 'Bearer {value}' },
      value: secretOf(0),
    });
    const tokens: string[] = [];
    for (let n = 0; n < Math.min(sidecars, maxAgents); n += 1) {
      tokens.push((await admin.addAgent(tenant, `agent-${n}`)).token);
      await admin.putGrant(tenant, { agent: `agent-${n}`, credential });
    }
    const rssBefore = await broker.rssMb();
    const joinBegan = performance.now();
    await crowds.join({ target, caPem, tokens, credentialId });
    console.error(`${sidecars} sidecars: joined in ${((performance.now() - joinBegan) / 1_000).toFixed(1)} s`);
    const rssKb = ((await broker.rssMb()) - rssBefore) * 1_024;

    const latencies: number[] = [];
    const rotations = Math.max(5, Math.min(50, Math.floor(10_000 / sidecars)));
    let cpuMs = 0;
    for (let n = 1; n <= rotations; n += 1) {
      await crowds.borrow((sidecars / borrowsPerS) * 1_000);
      const cpuBefore = await broker.cpuMs();
      const { revocation } = await admin.rotateCredential(tenant, credential, secretOf(n));
      if (revocation === null) throw new Error('a rotation that revoked nothing');
      const committedAt = Date.parse(revocation.committed_at);
      for (const at of await crowds.purged(revocation.seq)) latencies.push(at - committedAt);
      cpuMs += (await broker.cpuMs()) - cpuBefore;
    }
    if (latencies.length !== rotations * sidecars) throw new Error(`${sidecars} sidecars: events are missing`);
    fanOut.push({
      sidecars,
      rotations,
      ...quantilesOf(latencies),
      brokerCpuUsPerPurge: (cpuMs * 1_000) / latencies.length,
      brokerKbPerStream: rssKb / sidecars,
    });
    console.error(`${sidecars} sidecars: ${JSON.stringify(fanOut.at(-1))}`);
    if (storms.has(sidecars)) {
      storm.push(await restartUnder(sidecars, broker, crowds));
      console.error(`${sidecars} sidecars, storm: ${JSON.stringify(storm.at(-1))}`);
    }
  } finally {
    await crowds.end();
    await broker.close();
  }
}

/** Kills the broker, starts it again at once, and waits for everybody. */
async function restartUnder(
  sidecars: number,
  broker: Awaited<ReturnType<typeof startBrokerUnderTest>>,
  crowds: ReturnType<typeof startCrowds>,
): Promise<StormRow> {
  const back = crowds.back();
  await broker.kill();
  const killedAt = Date.now();
  await broker.restart();
  const upAt = Date.now();
  const { at, refusedMs, attempts } = await back;
  const cpuMs = await broker.cpuMs();
  return {
    sidecars,
    downMs: upAt - killedAt,
    ...quantilesOf(at.map((each) => each - upAt)),
    refused: quantilesOf(refusedMs),
    streamsPerSidecar: attempts / sidecars,
    brokerCpuMsPerSidecar: cpuMs / sidecars,
  };
}

function secretOf(n: number): string {
  return Buffer.from(`sk-bench-${String(n).padStart(24, '0')}`).toString('base64');
}

function numbers(list: string): readonly number[] {
  return list
    .split(',')
    .filter((each) => each !== '')
    .map(Number);
}
