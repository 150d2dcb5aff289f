import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdminClient } from '@leasehold/contract/admin';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestCa } from '../harness/certificates.ts';
import { runCli } from '../harness/dev-stack.ts';
import { eventually } from '../harness/lending.ts';
import { type RunningService, startService } from '../harness/service.ts';
import { root } from '../structure/source-files.ts';

/** All but loopback's usual address is the address of another host as far as these programs can tell. */
const address = '127.0.0.2';
let dir: string;
let broker: RunningService;
let agentTokenFile: string;

/** The flags that docs/operations.md gives a program in the section on different hosts, and what they become here. */
async function documented(program: string, here: Readonly<Record<string, string>>): Promise<string[]> {
  const page = await readFile(join(root, 'docs', 'operations.md'), 'utf8');
  const section = /## Broker and sidecars on different hosts\n([\s\S]*?)\n## /.exec(page)?.[1] ?? '';
  const line = section.split('\n').find((each) => `${each} `.includes(`${program} `) && !each.includes('`'));
  if (line === undefined) throw new Error(`the section has no command of ${program}`);
  return Object.entries(here)
    .reduce((text, [theirs, ours]) => text.replaceAll(theirs, ours), line)
    .split(' ');
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'leasehold-hosts-'));
  const [, ...flags] = await documented('leasehold-broker', { '/var/lib/leasehold': join(dir, 'broker') });
  // The command line below calls it by its address.
  broker = await startService('broker', [...flags, '--tls-name', address, '--grpc-port', '0', '--admin-port', '0', '--metrics-port', '0']);
  await cp(join(dir, 'broker', 'operator.token'), join(dir, 'operator.token'));
  await cp(join(dir, 'broker', 'tls', 'ca.pem'), join(dir, 'ca.pem'));
  const admin = createAdminClient({
    url: `https://${address}:${broker.facts.admin_port}`,
    token: (await readFile(join(dir, 'operator.token'), 'utf8')).trim(),
    caPem: await readFile(join(dir, 'ca.pem'), 'utf8'),
  });
  await admin.addTenant('one');
  agentTokenFile = join(dir, 'agent.token');
  await writeFile(agentTokenFile, (await admin.addAgent('one', 'dev')).token, { mode: 0o600 });
  await admin.close();
});

afterAll(async () => {
  await broker?.stop();
  await rm(dir, { recursive: true, force: true });
});

/** What the sidecar's /readyz says in the end. */
async function readiness(flags: readonly string[], isThere: (text: string) => boolean): Promise<string> {
  const sidecar = await startService('sidecar', [...flags, '--proxy-port', '0', '--metrics-port', '0', '--log-level', 'error']);
  try {
    return await eventually(async () => (await fetch(`http://127.0.0.1:${sidecar.facts.metrics_port}/readyz`)).text(), isThere);
  } finally {
    await sidecar.stop();
  }
}

test('the commands for different hosts work: a sidecar comes in step, and an operator is answered', async () => {
  const [, ...flags] = await documented('leasehold-sidecar', {
    'broker.example:7443': `${address}:${broker.facts.grpc_port} --broker-server-name broker.example`,
    'ca.pem': join(dir, 'ca.pem'),
    'agent.token': agentTokenFile,
  });
  expect(await readiness(flags, (text) => text.includes('ready') && !text.includes('not'))).toMatch(/ready/);
  const words = await documented('leasehold status', {
    'broker.example:7444': `${address}:${broker.facts.admin_port}`,
    'ca.pem': join(dir, 'ca.pem'),
    'operator.token': join(dir, 'operator.token'),
  });
  const env = Object.fromEntries(words.filter((word) => word.includes('=')).map((word) => word.split('=')));
  const status = await runCli(['status'], undefined, env);
  expect([status.code, status.stdout]).toEqual([0, expect.stringContaining('one')]);
});

test.each([
  ['is called by a name that its certificate does not have', ['--broker-server-name', 'other.example'], /--tls-name/],
  ['has a certificate of another CA', ['--broker-ca-file', 'other.pem'], /not of the CA/],
  ['listens on another port', ['--broker', `${address}:1`], /Nothing listens/],
  ['is taken for its admin API', ['--broker', 'admin'], /no gRPC port/],
  ['has a name that nobody knows', ['--broker', 'broker.invalid:7443'], /known to no name server/],
] as const)('a broker that %s: the sidecar says so, and what to do', async (_, [flag, given], said) => {
  await writeFile(join(dir, 'other.pem'), (await createTestCa('Another')).caPem);
  const flags = new Map([
    ['--broker', `${address}:${broker.facts.grpc_port}`],
    ['--broker-ca-file', join(dir, 'ca.pem')],
    ['--agent-token-file', agentTokenFile],
  ]);
  flags.set(flag, given === 'admin' ? `${address}:${broker.facts.admin_port}` : given.endsWith('.pem') ? join(dir, given) : given);
  const text = await readiness([...flags].flat(), (seen) => said.test(seen));
  expect(text).toMatch(said);
});
