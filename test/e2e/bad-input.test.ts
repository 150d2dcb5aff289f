import { once } from 'node:events';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { throughBaseUrl } from '../harness/agent-http.ts';
import { createTestCa } from '../harness/certificates.ts';
import { type DevStack, runCli, startDevStack } from '../harness/dev-stack.ts';
import { addCredential, eventually, grant } from '../harness/lending.ts';
import { startService } from '../harness/service.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

let stack: DevStack;
let vendor: Vendor;

beforeAll(async () => {
  vendor = await startVendor({
    answer: (request, response) => {
      if (!request.url?.includes('short')) return response.end('ok');
      response.writeHead(200, { 'content-length': '1000' });
      response.write('only the beginning');
      setImmediate(() => response.socket?.destroy());
    },
  });
  stack = await startDevStack();
});

afterAll(async () => {
  await stack?.close();
  await vendor?.close();
});

async function refusalFor(name: string): Promise<{ status: number; code: string | undefined; message: string }> {
  const answer = await eventually(
    () => throughBaseUrl(stack.proxyPort, `/${name}/x`),
    ({ code }) => code !== 'no_grant',
  );
  return { status: answer.status, code: answer.code, message: answer.status === 200 ? '' : JSON.parse(answer.body).error.message };
}

describe('a destination that is not what it should be', () => {
  test('an upstream that nobody listens on is 502 upstream_unreachable', async () => {
    const gone = await startVendor();
    await gone.close();
    await addCredential(stack, gone, { name: 'down', value: 'sk-down-000000' });
    await grant(stack, 'down');
    expect(await refusalFor('down')).toMatchObject({ status: 502, code: 'upstream_unreachable' });
  });

  test('a certificate of another CA, of another name, or out of date is 502 upstream_tls_failed, and no byte of the request arrives', async () => {
    const trusted = await createTestCa();
    const cases = {
      'other-ca': { ...(await (await createTestCa()).issue(['localhost'])), caPem: trusted.caPem },
      'other-name': { ...(await trusted.issue(['elsewhere.example'])), caPem: trusted.caPem },
      expired: { ...(await trusted.issue(['localhost'], { daysLeft: -1 })), caPem: trusted.caPem },
    };
    for (const [name, identity] of Object.entries(cases)) {
      const wrong = await startVendor({ identity });
      await addCredential(stack, wrong, { name, value: 'sk-wrong-000000' });
      await grant(stack, name);
      expect([name, await refusalFor(name)]).toEqual([name, expect.objectContaining({ status: 502, code: 'upstream_tls_failed' })]);
      expect(wrong.seen).toEqual([]);
      await wrong.close();
    }
  });

  test('a private address that the destination does not list is refused', async () => {
    await stack.ok(
      ['credential', 'add', 'private', '--destination', 'https://localhost:1', '--header', 'X-Key: {value}'],
      'sk-private-000000',
    );
    await grant(stack, 'private');
    expect(await refusalFor('private')).toMatchObject({ status: 403, code: 'address_forbidden' });
  });

  test('a body cut short upstream is cut short for the agent, never ended as if it were whole', async () => {
    await addCredential(stack, vendor, { name: 'short', value: 'sk-short-000000' });
    await grant(stack, 'short');
    await eventually(
      () => throughBaseUrl(stack.proxyPort, '/short/x'),
      ({ status }) => status === 200,
    );
    await expect(throughBaseUrl(stack.proxyPort, '/short/short')).rejects.toThrow();
  });
});

const sidecarBasics = ['--broker', 'localhost:1', '--broker-ca-file', '/dev/null', '--agent-token-file', '/dev/null'] as const;

describe('a grant or a token that is no good', () => {
  test('a grant that has run out is 403 grant_expired, and is counted', async () => {
    await addCredential(stack, vendor, { name: 'brief-grant', value: 'sk-brief-grant-0', extra: ['--path', '/brief-grant'] });
    await grant(stack, 'brief-grant', '--not-after', new Date(Date.now() + 5_000).toISOString());
    const call = () => throughBaseUrl(stack.proxyPort, '/brief-grant/brief-grant');
    await eventually(call, ({ status }) => status === 200);
    // One that is on its way at the very end had its lease run out, and is told to try again.
    const refused = await eventually(call, ({ status, code }) => status !== 200 && code !== 'lease_ended');
    expect([refused.status, refused.code]).toEqual([403, 'grant_expired']);
    const metrics = await (await fetch(stack.ready.sidecar.metrics_url)).text();
    expect(metrics).toMatch(/leasehold_sidecar_injections_total\{result="grant_expired"\} [1-9]/);
  });

  test('a sidecar with a wrong agent token refuses everything, and says what to do', async () => {
    const tokenFile = join(stack.dir, 'wrong-agent.token');
    await writeFile(tokenFile, `lha_${'x'.repeat(43)}\n`, { mode: 0o600 });
    const sidecar = await startService('sidecar', [
      '--broker',
      stack.ready.broker.grpc,
      '--broker-ca-file',
      stack.ready.admin.ca_file,
      '--agent-token-file',
      tokenFile,
      '--proxy-port',
      '0',
      '--metrics-port',
      '0',
    ]);
    const answer = await eventually(
      () => throughBaseUrl(Number(sidecar.facts.proxy_port), '/short/x'),
      ({ body }) => body.includes('rotate-token'),
    );
    expect([answer.status, answer.code]).toEqual([503, 'out_of_step']);
    const ready = await fetch(`http://127.0.0.1:${sidecar.facts.metrics_port}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining('rotate-token')]);
    await sidecar.stop();
  });

  test.each([
    ['broker', ['--kek', 'gcp-kms'], '--gcp-kms-key'],
    ['broker', ['--tls-cert-file', 'x.pem'], 'belong together'],
    ['sidecar', [], '--broker is required'],
    ['sidecar', [...sidecarBasics, '--proxy-host', '0.0.0.0'], 'is not loopback'],
    ['sidecar', sidecarBasics, 'PEM certificate'],
  ] as const)('settings that contradict each other or are missing keep the %s from starting: %j', async (service, args, said) => {
    await expect(
      startService(service, [...args, ...(service === 'broker' ? ['--state-dir', join(stack.dir, 'never')] : [])]),
    ).rejects.toThrow(said);
  });
});

describe('an operator who is mistaken', () => {
  const add = ['credential', 'add', 'wrong', '--destination', 'https://api.example.com'];
  test.each([
    [2, [...add], 'sk-value-000000', 'no injection'],
    [2, [...add, '--header', 'Authorization: Bearer'], 'sk-value-000000', 'a template without {value}'],
    [2, [...add, '--header', 'Authorization: {value}', '--query', 'key'], 'sk-value-000000', 'options that contradict each other'],
    [2, ['credential', 'add', 'wrong', '--destination', 'https://*.com', '--query', 'key'], 'sk-value-000000', 'a malformed rule'],
    [2, [...add, '--query', 'key'], '', 'no value'],
    [2, [...add, '--query', 'key'], 'sk-value\r\nX-Injected: yes', 'a value with a line break'],
    [4, ['credential', 'rotate', 'missing'], 'sk-value-000000', 'a credential that is not there'],
    [4, ['grant', 'add', '--agent', 'nobody', '--credential', 'wrong'], undefined, 'an agent that is not there'],
    [2, ['credential', 'delete', 'wrong'], undefined, 'a deletion without --yes'],
    [2, ['credential', 'frobnicate'], undefined, 'a verb that is not one'],
  ])('exit code %i for %j with input %j: %s', async (code, args, input, _) => {
    const result = await stack.cli(args, input);
    expect([result.code, result.stdout]).toEqual([code, '']);
    const lines = result.stderr.trim().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(2);
    expect(result.stderr).not.toMatch(/^\s+at /m);
    expect((await stack.ok(['credential', 'list', '--json'])).includes('"wrong"')).toBe(false);
  });

  test('a wrong operator token is refused, with exit code 3', async () => {
    const tokenFile = join(stack.dir, 'wrong.token');
    await writeFile(tokenFile, 'lho_wrong', { mode: 0o600 });
    const result = await runCli(['credential', 'list'], '', {
      LEASEHOLD_ADMIN_URL: stack.ready.admin.url,
      LEASEHOLD_CA_FILE: stack.ready.admin.ca_file,
      LEASEHOLD_TOKEN_FILE: tokenFile,
    });
    expect(result.code).toBe(3);
  });

  test('a broker that is not there is exit code 5', async () => {
    const result = await runCli(['credential', 'list'], '', {
      LEASEHOLD_ADMIN_URL: 'https://localhost:1',
      LEASEHOLD_CA_FILE: stack.ready.admin.ca_file,
      LEASEHOLD_TOKEN_FILE: stack.ready.admin.token_file,
    });
    expect(result.code).toBe(5);
  });
});

describe('a start that can not work', () => {
  test('a port in use is named, without a stack trace', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const result = await runCli(['dev', '--dir', join(stack.dir, 'second'), '--port', String(port)]);
    taken.close();
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain(String(port));
    expect(result.stderr).not.toMatch(/^\s+at /m);
  });

  test('a second broker on the same data is refused', async () => {
    const result = await runCli(['dev', '--dir', stack.dir, '--port', '0']);
    expect(result.code).not.toBe(0);
    expect(result.stderr).toMatch(/another|in use|locked/i);
  });

  test('a corrupt database and a key that others can read are refused, and left as they are', async () => {
    const dir = join(stack.dir, 'corrupt');
    const first = await startDevStack({ dir });
    await first.stop();
    await mkdir(join(dir, 'broker'), { recursive: true });
    const files = { database: join(dir, 'broker', 'leasehold.db'), kek: join(dir, 'broker', 'kek') };
    const kek = await readFile(files.kek);
    const noDatabase = 'this is no database, although it is long enough to be one'.repeat(100);
    await writeFile(files.database, noDatabase);
    const corrupt = await runCli(['dev', '--dir', dir, '--port', '0']);
    expect(corrupt.code).not.toBe(0);
    expect(corrupt.stderr).toContain('leasehold.db');
    expect(await readFile(files.database, 'utf8')).toBe(noDatabase);

    await chmod(files.kek, 0o644);
    const loose = await runCli(['dev', '--dir', dir, '--port', '0']);
    expect(loose.code).not.toBe(0);
    expect(loose.stderr).toContain('chmod 600');
    expect([await readFile(files.kek), (await stat(files.kek)).mode & 0o777]).toEqual([kek, 0o644]);
  });
});
