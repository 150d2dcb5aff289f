import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { addAgent, type Gateway, startGateway } from '../harness/gateway.ts';
import type { RuntimeName, Way } from './client.ts';
import { type FirstLines, startFirstLines } from './first-lines.ts';
import { type CommandResult, runCommand } from './run-command.ts';
import type { Runtime } from './runtimes.ts';
import type { Loan, Stage } from './stage.ts';
import { proofFor } from './vendors/account.ts';

export interface BehaviourOptions {
  /** Asked once the tests run. */
  readonly stage: () => Stage;
  readonly programsDir: string;
  readonly runtimes: ReadonlyMap<RuntimeName, Runtime>;
}

const plainClient = { name: 'behaviour', runtime: 'curl', program: [], ways: ['A', 'B', 'C'] } as const;
const proxyNames = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'];

/** What real clients do beside what the matrix asks of them. */
export function describeBehaviour({ stage, programsDir, runtimes }: BehaviourOptions): void {
  let loans: Readonly<Record<Way, Loan>>;
  let relay: FirstLines;

  beforeAll(async () => {
    const lent = (way: Way) => stage().lend(plainClient, way);
    loans = { A: await lent('A'), B: await lent('B'), C: await lent('C') };
    relay = await startFirstLines(stage().stack.proxyPort);
  });

  afterAll(() => relay?.close());

  /** The block, with another proxy in it. */
  const blockVia = (proxyUrl: string) => ({ ...stage().block, ...Object.fromEntries(proxyNames.map((name) => [name, proxyUrl])) });
  const curl = (args: readonly string[], env: Readonly<Record<string, string>> = stage().block) =>
    runCommand(['curl', '-sS', '-i', ...args], { HOME: stage().dir, ...env });
  const program = (name: RuntimeName, file: string, env: Readonly<Record<string, string>>): Promise<CommandResult> =>
    runCommand(runtimes.get(name)?.command([join(programsDir, file)]) ?? [], { HOME: stage().dir, ...env });
  const has = (name: RuntimeName) => runtimes.has(name);

  describe('an http:// URL', () => {
    const openers = [
      { name: 'node22', line: /^CONNECT behaviour-a\.vendor\.test:80 HTTP\/1\.1$/ },
      { name: 'node24', line: /^CONNECT behaviour-a\.vendor\.test:80 HTTP\/1\.1$/ },
      { name: 'node26', line: /^GET http:\/\/behaviour-a\.vendor\.test\/v1\/thing HTTP\/1\.1$/ },
    ] as const;
    for (const { name, line } of openers) {
      test.skipIf(!has(name))(`is served whether fetch opens a tunnel to port 80 for it or not: ${name}`, async () => {
        const before = relay.lines.length;
        const { printed } = await program(name, 'call-once.mjs', { ...blockVia(relay.url), URL_TO_CALL: `${loans.A.grantedUrl}/v1/thing` });
        expect(printed).toContain(proofFor(loans.A.account));
        expect(relay.lines[before]).toMatch(line);
      });
    }
  });

  describe('the proxy variables', () => {
    const readers = [
      { name: 'curl', command: (url: string) => ['curl', '-sS', `${url}/v1/thing`] },
      { name: 'wget', command: (url: string) => ['wget', '-q', '--tries=1', '-O', '-', `${url}/v1/thing`] },
      { name: 'git', command: (url: string) => ['git', 'ls-remote', `${url}/repository.git`] },
    ] as const;
    for (const { name, command } of readers) {
      test.skipIf(!has(name))(`are set in both letter cases, since ${name} reads no upper-case one for an http:// URL`, async () => {
        const { http_proxy: _, ...upperAlone } = stage().block;
        expect((await runCommand(command(loans.A.grantedUrl), { HOME: stage().dir, ...upperAlone })).code).not.toBe(0);
        expect((await runCommand(command(loans.A.grantedUrl), { HOME: stage().dir, ...stage().block })).code).toBe(0);
      });
    }
  });

  describe('what keyless SDKs ask for, the metadata of a cloud,', () => {
    const addresses = ['http://169.254.169.254/latest/meta-data/', 'http://metadata.google.internal./computeMetadata/v1/'];
    for (const url of addresses) {
      test.skipIf(!has('curl'))(`is refused by address and by name, asked for or tunnelled to: ${url}`, async () => {
        expect((await curl([url])).printed).toMatch(/^HTTP\/1\.1 403 [\s\S]*x-leasehold-error: address_forbidden/);
        expect((await curl(['--proxytunnel', url])).printed).toMatch(/^HTTP\/1\.1 403 [\s\S]*x-leasehold-error: address_forbidden/);
      });
    }

    test.skipIf(!has('node26'))('is what Google’s library gives up on when it has no key', async () => {
      const before = relay.lines.length;
      const { printed } = await program('node26', 'google-keyless.mjs', blockVia(relay.url));
      expect(printed).toContain('gave up');
      expect(relay.lines.slice(before).join()).toMatch(/metadata\.google\.internal|169\.254\.169\.254/);
    });
  });

  describe('a base URL', () => {
    for (const name of ['node24', 'node26'] as const) {
      test.skipIf(!has(name))(`that is sent to the proxy, as ${name} does without NO_PROXY, is refused and leads nowhere`, async () => {
        const { NO_PROXY: _, no_proxy: __, ...withoutExceptions } = stage().block;
        const visits = loans.C.book.visits.length;
        const env = { ...withoutExceptions, URL_TO_CALL: `${loans.C.grantedUrl}/v1/thing` };
        expect((await program(name, 'call-once.mjs', env)).printed).toMatch(/\b403\b/);
        expect(loans.C.book.visits.length).toBe(visits);
        expect((await program(name, 'call-once.mjs', { ...env, ...stage().block })).printed).toContain(proofFor(loans.C.account));
      });
    }
  });

  describe('a large upload', () => {
    const bytes = Buffer.alloc(4 * 1024 * 1024, 'x');
    const sha256 = createHash('sha256').update(bytes).digest('hex');

    for (const way of ['A', 'B', 'C'] as const) {
      test.skipIf(!has('curl'))(`waits for 100 Continue in curl, and arrives whole, way ${way}`, async () => {
        const file = join(stage().dir, 'upload');
        await writeFile(file, bytes);
        const { printed } = await curl(['-v', '--http1.1', '-T', file, `${loans[way].grantedUrl}/upload`]);
        expect(printed).toContain('Expect: 100-continue');
        expect(printed).toMatch(/HTTP\/1\.1 100 Continue/);
        expect(printed).toContain(sha256);
      });

      test.skipIf(!has('node26'))(`of unknown length arrives whole from a stream of fetch, way ${way}`, async () => {
        const { printed } = await program('node26', 'upload.mjs', { ...stage().block, GRANTED_URL: loans[way].grantedUrl });
        expect(printed).toContain(sha256);
      });
    }
  });

  describe('a proxy URL with a name and a password in it', () => {
    let gateway: Gateway;
    let token: string;
    beforeAll(async () => {
      const { stack } = stage();
      token = await addAgent(stack, 'of-the-gateway');
      await stack.ok(['grant', 'add', '--agent', 'of-the-gateway', '--credential', 'behaviour-a']);
      for (const [name, value] of Object.entries(stage().servicesEnvironment)) vi.stubEnv(name, value);
      gateway = await startGateway(stack).finally(() => vi.unstubAllEnvs());
    });
    afterAll(() => gateway?.stop());

    const callers = [
      { name: 'curl', call: (url: string, env: Readonly<Record<string, string>>) => curl([url], env) },
      ...(['node24', 'node26'] as const).map((name) => ({
        name,
        call: (url: string, env: Readonly<Record<string, string>>) => program(name, 'call-once.mjs', { ...env, URL_TO_CALL: url }),
      })),
    ] as const;
    for (const { name, call } of callers) {
      test.skipIf(!has(name))(`proves ${name} to a gateway, means nothing to a sidecar, and goes no further`, async () => {
        const url = `${loans.A.grantedUrl}/v1/thing`;
        for (const port of [gateway.proxyPort, stage().stack.proxyPort]) {
          const { printed } = await call(url, blockVia(`http://agent:${token}@127.0.0.1:${port}`));
          expect(printed).toContain(proofFor(loans.A.account));
          expect(printed).not.toContain('"proxy-authorization"');
        }
        expect((await call(url, blockVia(`http://127.0.0.1:${gateway.proxyPort}`))).printed).toMatch(/\b407\b/);
      });
    }
  });
}
