// What an injected GET costs: CPU of the sidecar per request against nginx doing the same job in the same minute, and the latency it adds.
// `node test/bench/next-to-nginx/injected-get.ts [--rounds 8] [--seconds 3] [--only NAME]`
import { Agent } from 'node:http';
import { burst, latencies, timedGet } from './burst.ts';
import { freePort, startReference } from './nginx.ts';
import { printPairs, quantile, verdict, warmUpSeconds } from './pairs.ts';
import { loadCore, onStage, proxyCore } from './stage.ts';

/** PERF's rows: CPU × nginx. */
const jobs = [
  { name: 'plain → plain, 200 B', path: '/plain/files/200', reach: { must: 3.5, aim: 2.5, moonshot: 1.5 } },
  { name: 'plain → TLS, 200 B', path: '/tls/files/200', reach: { must: 3.2, aim: 2.3, moonshot: 1.4 } },
  { name: 'plain → plain, 16 KB', path: '/plain/files/16k', reach: { must: 4.0, aim: 3.0, moonshot: 1.6 } },
];
const addedMs = [
  { name: 'p50', q: 0.5, reach: { must: 0.6, aim: 0.3, moonshot: 0.2 } },
  { name: 'p99', q: 0.99, reach: { must: 2, aim: 1, moonshot: 0.6 } },
];
/** Ten seconds of it, so that the hundredth-worst hangs on more than a few of them. */
const latencyRounds = 1_000;
const bodies = { '200': text(200), '16k': text(16_384) };

await onStage(bodies, async ({ dir, value, caPem, upstream, onEnd, startSidecar }) => {
  const referencePort = await freePort();
  const reference = await startReference(dir, proxyCore, referencePort, upstream, value, caPem);
  onEnd(reference.stop);
  const sidecar = await startSidecar();
  const bases = { nginx: `http://127.0.0.1:${referencePort}`, sidecar: `http://127.0.0.1:${sidecar.port}` };
  await checkContent(Object.values(bases));
  const isReached = await printPairs(
    jobs.map(({ name, path, reach }) => ({
      name,
      reach,
      nginx: (seconds) => burst(bases.nginx + path, reference.pid, seconds, loadCore),
      sidecar: (seconds) => burst(bases.sidecar + path, sidecar.pid, seconds, loadCore),
    })),
  );
  await checkContent(Object.values(bases));
  const files = [`http://127.0.0.1:${upstream.plain}`, `${bases.nginx}/plain`, `${bases.sidecar}/plain`].map((base) => `${base}/files/200`);
  return (await printLatency(files)) && isReached;
});

/** Of nothing in between, nginx and the sidecar, in turn. */
async function printLatency(urls: readonly string[]): Promise<boolean> {
  // Connections are made, and code that the load left cold is warm again.
  await latencies(urls, 100 * warmUpSeconds);
  const [direct = [], throughNginx = [], throughSidecar = []] = await latencies(urls, latencyRounds);
  let isReached = true;
  console.log(
    '\n| added latency at 100 requests a second | nginx ms | sidecar ms | must | aim | moonshot | |\n|---|---|---|---|---|---|---|',
  );
  for (const { name, q, reach } of addedMs) {
    const added = (through: readonly number[]) => quantile(through, q) - quantile(direct, q);
    const figures = [added(throughNginx).toFixed(2), added(throughSidecar).toFixed(2)];
    const judged = [reach.must, reach.aim, reach.moonshot, verdict(added(throughSidecar), reach)];
    console.log(`| ${[name, ...figures, ...judged].join(' | ')} |`);
    isReached &&= added(throughSidecar) <= reach.must;
  }
  return isReached;
}

/** Whoever answers something else fast has not won. */
async function checkContent(bases: readonly string[]): Promise<void> {
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
