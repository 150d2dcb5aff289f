import { type ChildProcess, execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { putRedirectRules, type RedirectRules, removeRedirectRules } from '../../packages/sidecar/src/domain/redirect-rules.ts';
import { secretValue } from '../data-path/rig.ts';
import { createTestCa } from '../harness/certificates.ts';
import { noteNotRun } from '../harness/not-run.ts';
import { createNamespaces, missingForNamespaces, type Namespaces, outside, type Ran } from './namespaces.ts';

const missing = await missingForNamespaces();
if (missing !== undefined) noteNotRun({ what: 'redirected connections in network namespaces', reason: missing });

const sidecarUid = 1_337;
const agentUid = 1_000;
const main = join(import.meta.dirname, '..', '..', 'packages', 'sidecar', 'src', 'main.ts');
let namespaces: Namespaces;
let dir: string;
let caFile: string;
const seen: Record<string, unknown>[] = [];

/** Resolves with the first line, and hands on those that follow. */
async function linesOf(child: ChildProcess, next: (line: Record<string, unknown>) => void): Promise<Record<string, unknown>> {
  const { stdout } = child;
  if (stdout === null) throw new Error('no output');
  return new Promise((resolve, reject) => {
    let isFirst = true;
    createInterface(stdout).on('line', (line) => {
      if (isFirst) resolve(JSON.parse(line));
      else next(JSON.parse(line));
      isFirst = false;
    });
    child.once('exit', () => reject(new Error('ended')));
  });
}

/** Changes the rules of the pod, for both families, by what `iptables-save` prints and `iptables-restore` takes. */
async function change(to: (saved: string, family: RedirectRules['family']) => string): Promise<void> {
  for (const [family, prefix] of [
    ['ipv4', 'iptables'],
    ['ipv6', 'ip6tables'],
  ] as const) {
    const { stdout } = await namespaces.inPod(0, `${prefix}-save`);
    const { code, stderr } = await namespaces.inPod(0, 'sh', '-c', `printf %s "$1" | ${prefix}-restore`, 'sh', to(stdout, family));
    if (code !== 0) throw new Error(stderr);
  }
}

const ports = { proxyUid: sidecarUid, httpPort: 7_482, tlsPort: 7_483 };
const apply = (passPorts: readonly number[] = []) => change((saved, family) => putRedirectRules(saved, { ...ports, family, passPorts }));

/** The rules alone: the comments hold times, and counters are counted. */
async function rules(): Promise<string> {
  const { stdout } = await namespaces.inPod(0, 'sh', '-c', 'iptables-save; ip6tables-save');
  return stdout.replace(/^#.*\n/gm, '').replace(/\[\d+:\d+\]/g, '');
}

/** curl without any setting, but for the CA where it is asked to trust one. */
const curl = (url: string, ...flags: readonly string[]): Promise<Ran> =>
  namespaces.inPod(agentUid, 'curl', '-q', '-sS', '--max-time', '10', ...flags, url);

describe.skipIf(missing !== undefined)('a client that knows of no proxy, in a namespace with the rules', () => {
  beforeAll(async () => {
    const ca = await createTestCa('Test vendor CA');
    const names = ['api.example.test', 'other.example.test', 'six.example.test'];
    namespaces = await createNamespaces([`${outside.ipv4} api.example.test other.example.test`, `${outside.ipv6} six.example.test`]);
    await linesOf(namespaces.start('outside', 'vendor.ts', await ca.issue(names)), (line) => seen.push(line));
    const { caPem } = await linesOf(namespaces.start('pod', 'pod.ts', { uid: sidecarUid, vendorCaPem: ca.caPem }), () => undefined);
    dir = await mkdtemp(join(tmpdir(), 'leasehold-redirect-'));
    await chmod(dir, 0o755);
    caFile = join(dir, 'ca.pem');
    await writeFile(caFile, String(caPem));
  });

  afterAll(async () => {
    await namespaces?.close();
    if (dir !== undefined) await rm(dir, { recursive: true });
  });

  beforeEach(() => {
    seen.length = 0;
  });

  test('without the rules it reaches the vendor by itself, and has no secret', async () => {
    expect((await curl('http://api.example.test/')).stdout).toBe('from the vendor\n');
    expect(seen).toEqual([{ port: 80, host: 'api.example.test', authorization: null }]);
  });

  test('the rules can be put in place twice, and taken out again', async () => {
    const before = await rules();
    await apply();
    const once = await rules();
    expect(once).toContain('LEASEHOLD_REDIRECT');
    await apply();
    expect(await rules()).toBe(once);
    await change(removeRedirectRules);
    expect((await rules()).replace(/^(\*|:|COMMIT).*\n/gm, '')).toBe(before.replace(/^(\*|:|COMMIT).*\n/gm, ''));
    await apply();
  });

  const withSecret = (host: string) => [{ port: 443, host, authorization: `Bearer ${secretValue}` }];

  test('http:// goes out over TLS with the secret', async () => {
    const { stdout } = await curl('http://api.example.test/x');
    expect([stdout, seen]).toEqual(['from the vendor\n', withSecret('api.example.test')]);
  });

  test('https:// too, with the CA file and nothing else', async () => {
    const { stdout, stderr } = await curl('https://api.example.test/x', '--cacert', caFile);
    expect([stderr, stdout, seen]).toEqual(['', 'from the vendor\n', withSecret('api.example.test')]);
  });

  test('by IPv6 too', async () => {
    for (const url of ['http://six.example.test/x', 'https://six.example.test/x'])
      expect((await curl(url, '-6', '--cacert', caFile)).stdout).toBe('from the vendor\n');
    expect(seen).toEqual([...withSecret('six.example.test'), ...withSecret('six.example.test')]);
  });

  test('another user of the pod is redirected as well, root too', async () => {
    expect((await namespaces.inPod(0, 'curl', '-q', '-sS', 'http://api.example.test/x')).stdout).toBe('from the vendor\n');
    expect(seen).toEqual(withSecret('api.example.test'));
  });

  test('INV-2: a host that no credential is bound to is refused, and nothing reaches it', async () => {
    const plain = await curl('http://other.example.test/x', '-i');
    expect(plain.stdout).toMatch(/^HTTP\/1\.1 403 [\s\S]*x-leasehold-error: no_route/);
    expect((await curl('https://other.example.test/x', '--cacert', caFile)).code).toBe(35);
    expect(seen).toEqual([]);
  });

  test('THREATS 15: other ports, QUIC and metadata services are refused at once, by both families; DNS goes', async () => {
    const connectionFailed = 7;
    expect((await curl(`http://${outside.ipv4}:9000/`)).code).toBe(connectionFailed);
    expect((await curl(`http://[${outside.ipv6}]:9000/`)).code).toBe(connectionFailed);
    expect((await curl('http://169.254.169.254:8080/')).code).toBe(connectionFailed);
    expect((await curl('http://169.254.169.254/', '-i')).stdout).toMatch(/403 [\s\S]*x-leasehold-error: address_forbidden/);
    for (const port of [443, 53]) await namespaces.inPod(agentUid, 'bash', '-c', `echo ask > /dev/udp/${outside.ipv4}/${port}`);
    await expect.poll(() => seen).toEqual([{ udp: 53, text: 'ask' }]);
  });

  test('a port that is passed is reached without the sidecar', async () => {
    await apply([9_000]);
    expect((await curl(`http://${outside.ipv4}:9000/`)).stdout).toBe('from the vendor\n');
    expect(seen).toMatchObject([{ port: 9_000, authorization: null }]);
    await apply();
  });
});

describe('leasehold-sidecar redirect-rules', () => {
  const saved = '*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j THEIRS\nCOMMIT\n';
  const command = (...flags: readonly string[]): Promise<Ran> =>
    new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        ['--disable-warning=ExperimentalWarning', main, 'redirect-rules', ...flags],
        (error, stdout, stderr) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
      );
      child.stdin?.end(saved);
    });

  test('prints what was on its standard input, with the rules', async () => {
    const { code, stdout } = await command('--proxy-uid', String(sidecarUid), '--pass-port', '5432');
    expect([code, stdout]).toEqual([0, putRedirectRules(saved, { ...ports, family: 'ipv4', passPorts: [5_432] })]);
  });

  test('used wrongly it lists every problem, prints no rules, and exits with 2', async () => {
    const { code, stdout, stderr } = await command('--redirect-http-port', '7483', '--pass-port', '443', '--pass-port', 'x');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/--proxy-uid is required[\s\S]*two ports[\s\S]*443 is redirected[\s\S]*"x" is no port/);
  });
});
