import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';

export interface Burst {
  readonly requests: number;
  /** CPU of the process under test, user and system, µs a request. */
  readonly cpuUs: number;
  readonly perSecond: number;
}

/** 64 keep-alive connections as fast as they go, with wrk, and what that costs the process `pid`. Throws when anything but 200 came. */
export async function burst(url: string, pid: number, seconds: number, core: number, headers: readonly string[] = []): Promise<Burst> {
  const before = await cpuTicks(pid);
  const output = await run('taskset', [
    '-c',
    String(core),
    'wrk',
    '-t1',
    '-c64',
    `-d${seconds}s`,
    ...headers.flatMap((header) => ['-H', header]),
    url,
  ]);
  const ticks = (await cpuTicks(pid)) - before;
  const requests = Number(/(\d+) requests in/.exec(output)?.[1] ?? 0);
  if (requests === 0 || /Non-2xx|Socket errors/.test(output)) throw new Error(`the load met errors:\n${output}`);
  // Ticks are 10 ms on every Linux that Node runs on (USER_HZ).
  return { requests, cpuUs: (ticks * 10_000) / requests, perSecond: requests / seconds };
}

/** utime and stime: proc(5), /proc/pid/stat. */
export async function cpuTicks(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function run(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve(output));
  });
}

/** One request, its body, and how long it took in ms. */
export function timedGet(url: string, agent: Agent): Promise<{ readonly body: string; readonly ms: number; readonly status: number }> {
  const begin = performance.now();
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ body: Buffer.concat(chunks).toString(), ms: performance.now() - begin, status: response.statusCode ?? 0 }),
      );
      response.on('error', reject);
    }).on('error', reject);
  });
}

/** Latencies at 100 requests a second, sent whether or not the one before has answered; several URLs take turns, so that noise hits all alike. */
export async function latencies(urls: readonly string[], rounds: number): Promise<readonly (readonly number[])[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const found: number[][] = urls.map(() => []);
  const pending: Promise<void>[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, url] of urls.entries()) {
      pending.push(
        timedGet(url, agent).then(({ ms, status }) => {
          if (status !== 200) throw new Error(`${url} answered ${status}`);
          found[index]?.push(ms);
        }),
      );
      await new Promise((resolve) => setTimeout(resolve, 10 / urls.length));
    }
  }
  await Promise.all(pending);
  agent.destroy();
  return found;
}
