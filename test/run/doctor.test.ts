import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canWatchConnections, watchConnections } from '../../packages/cli/src/doctor/connection-watch.ts';
import { type CliResult, type DevStack, runCli, startDevStack } from '../harness/dev-stack.ts';
import { addCredential, eventually, grant } from '../harness/lending.ts';
import { noteNotRun } from '../harness/not-run.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

interface Report {
  readonly ok: boolean;
  readonly command_exit_code: number | null;
  readonly findings: readonly { readonly check: string; readonly ok: boolean; readonly found: string; readonly advice: string | null }[];
}

let stack: DevStack;
let vendor: Vendor;

beforeAll(async () => {
  vendor = await startVendor();
  stack = await startDevStack();
  await addCredential(stack, vendor, { name: 'granted', value: 'sk-doctor-0123456789' });
  await grant(stack, 'granted');
});

afterAll(async () => {
  await stack?.close();
  await vendor?.close();
});

async function examined(
  command: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ readonly result: CliResult; readonly report: Report }> {
  const result = await runCli(['doctor', '--json', '--dir', stack.dir, ...command], undefined, env);
  return { result, report: JSON.parse(result.stdout) };
}

const found = ({ findings }: Report, isOk: boolean) =>
  findings.flatMap((each) => (each.ok === isOk ? [`${each.check}: ${each.found}`] : []));
const call = (url: string, ...flags: readonly string[]) => ['curl', '-sS', '--noproxy', '', ...flags, url];

describe('doctor with a command', () => {
  test('shows that its calls went through the sidecar, and keeps its output apart from the report', async () => {
    const { result, report } = await examined(call(`${vendor.url}/a`));
    expect([result.code, report.ok, report.command_exit_code]).toEqual([0, true, 0]);
    expect(found(report, true)).toContain(`calls: ${vendor.url}: 1 call through the sidecar`);
    expect(result.stderr).toBe('{"ok":true}');
  });

  test('shows what was refused, and how to find out why', async () => {
    const { result, report } = await examined(call(`http://127.0.0.1:${vendor.port}/a`));
    expect([result.code, report.ok]).toEqual([3, false]);
    expect(found(report, false)).toEqual([expect.stringMatching(/^calls: .*127\.0\.0\.1.*no_route/)]);
    expect(report.findings.find(({ ok }) => !ok)?.advice).toContain('leasehold explain');
  });

  test('names the host whose client does not take the sidecar’s certificate', async () => {
    const pinned = join(stack.dir, 'pinned.pem');
    await writeFile(pinned, vendor.caPem);
    const { result, report } = await examined(call(`${vendor.url}/a`, '--cacert', pinned));
    expect([result.code, report.command_exit_code]).toEqual([1, 60]);
    expect(found(report, false)).toContainEqual(expect.stringMatching(/^trust: localhost.*did not take the sidecar’s certificate/));
  });

  test('a command that calls nothing proves nothing', async () => {
    const { result, report } = await examined(['true']);
    expect([result.code, found(report, false)]).toEqual([1, ['calls: The command called nothing through the sidecar.']]);
  });
});

describe('doctor alone', () => {
  test('shows that all is there', async () => {
    const { result, report } = await examined([]);
    expect([result.code, result.stderr, found(report, false)]).toEqual([0, '', []]);
    expect(report.command_exit_code).toBeNull();
    expect(found(report, true)).toContainEqual(expect.stringContaining(`in step with the broker at ${stack.ready.broker.grpc}`));
  });

  test('names each variable that weakens the sidecar or leads around it', async () => {
    const { result, report } = await examined([], { NODE_TLS_REJECT_UNAUTHORIZED: '0', SSLKEYLOGFILE: '/tmp/keys' });
    expect(result.code).toBe(2);
    expect(found(report, false).filter((each) => each.startsWith('environment'))).toEqual([
      expect.stringContaining('NODE_TLS_REJECT_UNAUTHORIZED'),
      expect.stringContaining('SSLKEYLOGFILE'),
    ]);
    const led = await examined([], { HTTPS_PROXY: 'http://corp:3128' });
    expect(found(led.report, false)).toEqual([expect.stringMatching(/^environment: HTTPS_PROXY .* goes around the sidecar/)]);
  });

  test('says where it looked for a broker that is not there, in words and marks', async () => {
    const { code, stdout } = await runCli(['doctor', '--dir', '/ghost']);
    expect(code).toBe(5);
    expect(stdout).toMatch(/^✓ .*\n(.*\n)*✗ There is no broker in \/ghost\.\n {2}Start one with: leasehold dev/m);
  });
});

describe('what goes around the sidecar', () => {
  const address = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address;
  let server: Server | undefined;
  let port = 0;

  beforeAll(async () => {
    if (address === undefined || !canWatchConnections) {
      noteNotRun({ what: 'doctor sees what goes around the sidecar', reason: 'needs Linux, and an address that is not loopback' });
      return;
    }
    server = createServer((socket) => socket.on('error', () => undefined)).listen(0, address);
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(() => server?.close());

  const dial = () => `require('node:net').connect(${port}, '${address}')`;

  test('is seen, in a child of the command’s child too', async () => {
    if (server === undefined) return;
    const script = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(dial())}], { stdio: 'inherit' })`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'ignore', 'inherit'] });
    const watch = watchConnections(child.pid ?? 0);
    try {
      const [bypass] = await eventually(
        async () => watch.seen(),
        (seen) => seen.length > 0,
      );
      expect(bypass).toMatchObject({ address, port });
      expect(bypass?.pid).not.toBe(child.pid);
      process.kill(bypass?.pid ?? 0);
    } finally {
      watch.stop();
      child.kill();
      await once(child, 'exit');
    }
  });

  test('of others is not', async () => {
    if (server === undefined) return;
    const stranger = spawn(process.execPath, ['-e', dial()], { stdio: 'ignore' });
    const child = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)'], { stdio: 'ignore' });
    const [own, all] = [watchConnections(child.pid ?? 0), watchConnections(stranger.pid ?? 0)];
    try {
      await eventually(
        async () => all.seen(),
        (seen) => seen.length > 0,
      );
      expect(own.seen()).toEqual([]);
    } finally {
      for (const watch of [own, all]) watch.stop();
      for (const each of [stranger, child]) each.kill();
    }
  });

  test('is in the report, with its process and what to do', async () => {
    if (server === undefined) return;
    // Held until the watch, which looks every 20 ms, can not have missed it.
    const script = `const socket = ${dial()}; socket.on('connect', () => setTimeout(() => socket.destroy(), 1000))`;
    const { result, report } = await examined([process.execPath, '-e', script]);
    expect(result.code).toBe(1);
    expect(found(report, false)).toContainEqual(
      expect.stringMatching(new RegExp(`^bypass: .* went around the sidecar, to ${address}:${port}$`)),
    );
    expect(report.findings.find(({ check }) => check === 'bypass')?.advice).toContain('NODE_USE_ENV_PROXY');
  });
});
