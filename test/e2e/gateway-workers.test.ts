import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { throughBaseUrl } from '../harness/agent-http.ts';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { addAgent, asAgent, type Gateway, startGateway } from '../harness/gateway.ts';
import { addCredential, eventually } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

let stack: DevStack;
let vendor: Vendor;
let gateway: Gateway;
let alice: string;
let bob: string;

beforeAll(async () => {
  vendor = await startVendor();
  stack = await startDevStack();
  await addCredential(stack, vendor, { name: 'api', value: 'sk-gateway-workers-012345' });
  alice = await addAgent(stack, 'alice');
  bob = await addAgent(stack, 'bob');
  await stack.ok(['grant', 'add', '--agent', 'alice', '--credential', 'api']);
  gateway = await startGateway(stack, '--workers', '2');
});

afterAll(async () => {
  await gateway?.stop();
  await stack?.close();
  await vendor?.close();
});

/** On a connection of its own, so that any worker may get it. */
async function statusOf(token: string): Promise<number> {
  return (await throughBaseUrl(gateway.proxyPort, '/api/v1', { headers: asAgent(token) })).status;
}

function workerPids(): readonly number[] {
  const listed = execFileSync('ps', ['-o', 'pid=', '--ppid', String(gateway.pid)], { encoding: 'utf8' });
  return listed.trim().split(/\s+/).map(Number);
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${gateway.metricsUrl}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

test('both workers serve: the agent with the grant goes through on any connection, the one without on none', async () => {
  expect(workerPids()).toHaveLength(2);
  const [granted, refused] = await Promise.all([alice, bob].map((token) => Promise.all(Array.from({ length: 10 }, () => statusOf(token)))));
  expect([new Set(granted), new Set(refused)]).toEqual([new Set([200]), new Set([403])]);
  expect(await metric('leasehold_sidecar_workers')).toBe(2);
  // Which worker gets a connection is the kernel's to say: sooner or later there is one plane for each agent in each.
  await eventually(
    async () => {
      await Promise.all([alice, bob].flatMap((token) => Array.from({ length: 10 }, () => statusOf(token))));
      return metric('leasehold_sidecar_agents');
    },
    (planes) => planes === 4,
  );
  expect((await fetch(`${gateway.metricsUrl}/readyz`)).status).toBe(200);
});

test('a worker that is killed is started again, and the other one serves meanwhile', async () => {
  const before = workerPids();
  const [victim = 0, survivor = 0] = before;
  process.kill(victim, 'SIGKILL');
  await eventually(
    () => statusOf(alice).catch(() => 0),
    (status) => status === 200,
  );
  await eventually(
    () => metric('leasehold_sidecar_workers'),
    (workers) => workers === 2,
    // As long as a program may take to start on a machine that has other things to do.
    60_000,
  );
  const after = workerPids();
  expect(after).toContain(survivor);
  expect(after).not.toContain(victim);
  expect(new Set(await Promise.all(Array.from({ length: 10 }, () => statusOf(alice))))).toEqual(new Set([200]));
}, 90_000);

test('a revocation reaches what every worker holds', async () => {
  await stack.ok(['grant', 'revoke', '--agent', 'alice', '--credential', 'api', '--yes', '--wait']);
  expect(new Set(await Promise.all(Array.from({ length: 10 }, () => statusOf(alice))))).toEqual(new Set([403]));
});

test('the primary has no connection of its own to the broker, and a stopped gateway leaves no process behind', async () => {
  const pids = workerPids();
  const port = Number(stack.ready.broker.grpc.split(':').at(-1));
  const connectedTo = await Promise.all([gateway.pid, ...pids].map((pid) => hasConnectionTo(pid, port)));
  expect(connectedTo).toEqual([false, true, true]);
  await gateway.stop();
  expect(pids.filter(isAlive)).toEqual([]);
});

/** By the kernel's table of sockets, and the process's own descriptors. */
async function hasConnectionTo(pid: number, port: number): Promise<boolean> {
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8')));
  const remote = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = tables
    .join('\n')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[2]?.endsWith(`:${remote}`))
    .map((fields) => `socket:[${fields[9]}]`);
  const held = execFileSync('ls', ['-l', `/proc/${pid}/fd`], { encoding: 'utf8' });
  return inodes.some((inode) => held.includes(inode));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
