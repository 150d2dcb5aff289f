import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliResult, type DevStack, runCli, startDevStack } from '../harness/dev-stack.ts';
import { addCredential, eventually, grant } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

const value = 'sk-run-never-in-the-command-0123456789';
let stack: DevStack;
let vendor: Vendor;

beforeAll(async () => {
  vendor = await startVendor();
  stack = await startDevStack();
  for (const [index, name] of ['granted', 'ungranted'].entries()) {
    const variable = name.toUpperCase();
    const extra = ['--placeholder', 'sk-{random}', '--env', `${variable}_KEY={placeholder}`, '--env', `${variable}_URL={base_url}/v1`];
    const host = { ...vendor, url: index === 0 ? vendor.url : vendor.url.replace('localhost', '127.0.0.1') };
    await addCredential(stack, host, { name, value, extra });
  }
  await grant(stack, 'granted');
});

afterAll(async () => {
  await stack?.close();
  await vendor?.close();
});

function run(command: readonly string[], flags: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<CliResult> {
  return runCli(['run', '--dir', stack.dir, ...flags, '--', ...command], undefined, env);
}

/** What a Node script prints as JSON, run beside a sidecar of its own. */
async function shown(script: string, flags: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Record<string, string>> {
  const { code, stdout, stderr } = await run([process.execPath, '-e', script], flags, env);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

const environment = 'console.log(JSON.stringify(process.env))';

describe('a command beside a sidecar of its own', () => {
  test('calls with the credential that its agent was granted, by http:// and by https://, and holds none', async () => {
    vendor.seen.length = 0;
    const call = (url: string) => `curl -s --noproxy '' -o /dev/null -w '%{http_code} ' ${url}`;
    const calls = [vendor.url.replace('https', 'http'), vendor.url].map((url) => call(`${url}/a`)).join('; ');
    const { stdout, code } = await run(['sh', '-c', `${calls}; env; cat /proc/self/environ`]);
    expect([code, stdout.slice(0, 8)]).toEqual([0, '200 200 ']);
    expect(vendor.seen.map(({ headers }) => headers.authorization)).toEqual(Array(2).fill(`Bearer ${value}`));
    expect(stdout).not.toContain(value);
  });

  test('is refused what its agent was not granted, and nothing is forwarded', async () => {
    vendor.seen.length = 0;
    const { stdout } = await run(['curl', '-s', '-w', '%{http_code}', `http://127.0.0.1:${vendor.port}/a`, '--noproxy', '']);
    expect(stdout).toMatch(/no_route.*403$/s);
    expect(vendor.seen).toEqual([]);
  });

  test('is given the block, the placeholders of what was granted, and nothing that belongs to operators; afterwards nothing is left', async () => {
    const operator = {
      LEASEHOLD_TOKEN_FILE: '/operator.token',
      LEASEHOLD_ADMIN_URL: 'https://x',
      LEASEHOLD_CA_FILE: '/ca.pem',
      LEASEHOLD_DIR: '/d',
    };
    const env = await shown(environment, [], operator);
    expect(env.HTTPS_PROXY).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(env.SSL_CERT_FILE).toMatch(/leasehold-run-.*\.pem$/);
    expect(env.JAVA_TOOL_OPTIONS).toMatch(/trustStore=\S+\.jks/);
    expect(existsSync(env.SSL_CERT_FILE ?? '')).toBe(false);
    expect(env.GRANTED_KEY).toMatch(/^sk-[A-Za-z0-9]{22}$/);
    expect(env.UNGRANTED_KEY).toBeUndefined();
    expect(env.GRANTED_URL).toBeUndefined();
    expect(Object.entries(env).filter(([name, text]) => /^LEASEHOLD_|operator\.token/.test(`${name}=${text}`))).toEqual([]);
  });

  test('is led to the base URL where that is chosen: a client that knows no proxy gets through', async () => {
    vendor.seen.length = 0;
    const script = `require('node:http').get(process.env.GRANTED_URL + '/models', (answer) => { answer.resume(); console.log(JSON.stringify({ status: String(answer.statusCode) })); })`;
    const { status } = await shown(script, ['--base-url']);
    expect(status).toBe('200');
    expect(vendor.seen.map(({ url }) => url)).toEqual(['/v1/models']);
  });

  test('keeps what the user has set, and says what that means', async () => {
    const { stdout, stderr } = await run([process.execPath, '-e', environment], [], {
      GRANTED_KEY: 'sk-of-the-user',
      https_proxy: 'http://corp:3128',
    });
    expect(JSON.parse(stdout)).toMatchObject({ GRANTED_KEY: 'sk-of-the-user', https_proxy: 'http://corp:3128' });
    expect(stderr.split('\n').filter((line) => line !== '')).toEqual([
      expect.stringMatching(/^leasehold: GRANTED_KEY is set.*taken out of every call/),
      expect.stringMatching(/^leasehold: https_proxy is set.*around the sidecar/),
    ]);
    expect(stderr).not.toContain('sk-of-the-user');
  });

  test('trusts what the user trusts besides the sidecar', async () => {
    const file = join(stack.dir, 'theirs.pem');
    await writeFile(file, vendor.caPem);
    const script = `const { readFileSync } = require('node:fs'); console.log(JSON.stringify({ pem: readFileSync(process.env.SSL_CERT_FILE, 'utf8'), node: readFileSync(process.env.NODE_EXTRA_CA_CERTS, 'utf8') }))`;
    const { pem, node } = await shown(script, [], { SSL_CERT_FILE: file, NODE_EXTRA_CA_CERTS: '' });
    expect(pem).toContain(vendor.caPem.trim());
    expect(node).not.toContain(vendor.caPem.trim());
    expect(pem).toContain(node?.trim());
  });

  test('has our input, output and arguments to itself, flags after its name included', async () => {
    const { stdout } = await runCli(['run', '--dir', stack.dir, 'sh', '-c', 'cat; echo "$@"', 'x', '--json', '--dir', 'y'], 'from us\n');
    expect(stdout).toBe('from us\n--json --dir y\n');
  });
});

describe('how it ends', () => {
  test('with the exit code of the command, and its leases given back', async () => {
    const call = `curl -s --noproxy '' ${vendor.url.replace('https', 'http')}/a; exit 42`;
    expect((await run(['sh', '-c', call])).code).toBe(42);
    const leases = (await stack.ok(['lease', 'list', '--all', '--json'])).trim().split('\n');
    expect(leases.map((line) => JSON.parse(line).status)).toContain('released');
    expect(leases.map((line) => JSON.parse(line).status)).not.toContain('active');
  });

  test('a signal goes on to the command, which ends as it likes', async () => {
    const child = start(
      `process.on('SIGTERM', () => { console.log('heard'); process.exit(7); }); setInterval(() => 0, 1000); console.log('up');`,
    );
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output === 'up\n') child.kill('SIGTERM');
    });
    const [code] = await once(child, 'close');
    expect([code, output]).toEqual([7, 'up\nheard\n']);
  });

  test('the sidecar ends with it, even when it is killed: the command goes on, and calls nothing any more', async () => {
    const child = start(
      `console.log(JSON.stringify({ proxy: process.env.HTTP_PROXY, file: process.env.DENO_CERT, pid: process.pid })); setInterval(() => 0, 1000)`,
    );
    const [chunk] = await once(child.stdout, 'data');
    const { proxy, file, pid } = JSON.parse(String(chunk));
    try {
      child.kill('SIGKILL');
      const isUp = () =>
        fetch(proxy).then(
          () => true,
          () => false,
        );
      expect(await eventually(isUp, (up) => !up)).toBe(false);
    } finally {
      process.kill(pid);
      await rm(join(file, '..', '..'), { recursive: true });
    }
  });
});

function start(script: string) {
  const args = [cli, 'run', '--dir', stack.dir, '--', process.execPath, '-e', script];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
}

const cli = join(import.meta.dirname, '..', '..', 'packages', 'cli', 'src', 'main.ts');

describe('where the broker is', () => {
  test('three variables, or flags before them, say it without a state directory', async () => {
    const { grpc } = stack.ready.broker;
    const env = {
      LEASEHOLD_BROKER: 'localhost:1',
      LEASEHOLD_BROKER_CA_FILE: stack.ready.admin.ca_file,
      LEASEHOLD_AGENT_TOKEN_FILE: join(stack.dir, 'agent.token'),
    };
    const { code, stdout } = await runCli(['run', '--broker', grpc, '--', 'sh', '-c', 'echo $GRANTED_KEY'], undefined, env);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^sk-/)]);
  });

  test.each([
    ['only some of them', ['--broker', 'localhost:1'], 2, /--broker-ca-file .* and --agent-token-file .* are missing/],
    ['a directory without a broker', ['--dir', '/ghost'], 5, /There is no broker in \/ghost/],
  ])('%s: the command is not run, and the answer says what to do', async (_, flags, code, text) => {
    const result = await runCli(['run', ...flags, '--', 'echo', 'ran']);
    expect([result.code, result.stdout]).toEqual([code, '']);
    expect(result.stderr).toMatch(text);
  });

  test('a token that the broker does not know is refused at once', async () => {
    const file = join(stack.dir, 'wrong.token');
    await writeFile(file, `lha_${'0'.repeat(40)}\n`, { mode: 0o600 });
    const flags = ['--broker', stack.ready.broker.grpc, '--broker-ca-file', stack.ready.admin.ca_file, '--agent-token-file', file];
    const { code, stdout, stderr } = await runCli(['run', ...flags, '--', 'echo', 'ran']);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toMatch(/token/);
  });
});
