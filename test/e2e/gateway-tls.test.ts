import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestCa, type Identity, type TestCa } from '../harness/certificates.ts';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { addAgent, asAgent, type Gateway, rotateAgentToken, startGateway } from '../harness/gateway.ts';
import { addCredential, eventually } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

let stack: DevStack;
let vendor: Vendor;
let gateway: Gateway;
let ca: TestCa;
let tokensDir: string;
let alice: string;

const aliceUri = 'leasehold://agent/dev/alice';

beforeAll(async () => {
  vendor = await startVendor();
  stack = await startDevStack();
  ca = await createTestCa('Gateway test CA');
  const server = await ca.issue(['gateway.example']);
  const file = async (name: string, text: string) => {
    const path = join(stack.dir, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  await addCredential(stack, vendor, { name: 'api', value: 'sk-gateway-tls-0123456789' });
  alice = await addAgent(stack, 'alice');
  await addAgent(stack, 'bob');
  await stack.ok(['grant', 'add', '--agent', 'alice', '--credential', 'api']);
  tokensDir = join(stack.dir, 'agent-tokens');
  await mkdir(join(tokensDir, 'dev'), { recursive: true });
  await keepToken('alice', alice);
  gateway = await startGateway(
    stack,
    ...['--proxy-host', '0.0.0.0', '--proxy-name', 'gateway.example'],
    ...[
      '--proxy-tls-cert-file',
      await file('gateway.pem', server.certPem),
      '--proxy-tls-key-file',
      await file('gateway.key', server.keyPem),
    ],
    ...['--proxy-client-ca-file', await file('clients.pem', ca.caPem), '--agent-tokens-dir', tokensDir],
  );
});

afterAll(async () => {
  await gateway?.stop();
  await stack?.close();
  await vendor?.close();
});

async function keepToken(agent: string, token: string): Promise<void> {
  await writeFile(join(tokensDir, 'dev', agent), `${token}\n`, { mode: 0o600 });
}

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
}

/** A call to the base URL over TLS, from a client that checks the gateway's certificate. */
function call(identity?: Identity, headers: Readonly<Record<string, string>> = {}, path = '/api/v1'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const client = identity === undefined ? {} : { cert: identity.certPem, key: identity.keyPem };
    const to = { host: '127.0.0.1', port: gateway.proxyPort, servername: 'gateway.example', ca: ca.caPem, agent: false };
    const outgoing = request({ ...to, ...client, path, headers: { host: 'gateway.example', ...headers } }, (response) => {
      response.resume();
      const code = response.headers['x-leasehold-error'];
      response.on('end', () => resolve({ status: response.statusCode ?? 0, code: typeof code === 'string' ? code : undefined }));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

describe('an agent with a client certificate', () => {
  test('goes through with the grant, under the gateway’s own name, with its first request; another certificate without it is refused', async () => {
    vendor.seen.length = 0;
    expect(await call(await ca.issueClient([aliceUri]))).toEqual({ status: 200, code: undefined });
    expect(vendor.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer sk-gateway-tls-0123456789']);
    // bob has a certificate, and the gateway no token of his.
    expect(await call(await ca.issueClient(['leasehold://agent/dev/bob']))).toEqual({ status: 407, code: 'identity_invalid' });
    expect(vendor.seen.length).toBe(1);
  });

  test('a token of another agent in its file proves nobody: the broker says whose it is', async () => {
    await keepToken('bob', alice);
    expect(await call(await ca.issueClient(['leasehold://agent/dev/bob']))).toEqual({ status: 407, code: 'identity_invalid' });
  });

  test('certificates of another CA, out of date, without an agent’s name or with two are refused, and told so', async () => {
    const stranger = await createTestCa('Another CA');
    const wrong = [
      await stranger.issueClient([aliceUri]),
      await ca.issueClient([aliceUri], { daysLeft: -1 }),
      await ca.issueClient(['spiffe://dev/alice']),
      await ca.issueClient([aliceUri, 'leasehold://agent/dev/bob']),
    ];
    for (const identity of wrong) expect(await call(identity)).toEqual({ status: 407, code: 'identity_invalid' });
  });

  test('a certificate and a token that name the same agent are fine, two agents in one request are not', async () => {
    const certificate = await ca.issueClient([aliceUri]);
    expect((await call(certificate, asAgent(alice))).status).toBe(200);
    const carol = await addAgent(stack, 'carol');
    expect(await call(certificate, asAgent(carol))).toEqual({ status: 407, code: 'identity_invalid' });
    // The other way round, too: whichever was proven first.
    expect((await call(undefined, asAgent(carol))).code).not.toBe('identity_invalid');
    expect(await call(certificate, asAgent(carol))).toEqual({ status: 407, code: 'identity_invalid' });
  });

  test('goes on after its token was rotated, once the file holds the new one', async () => {
    const certificate = await ca.issueClient([aliceUri]);
    alice = await rotateAgentToken(stack, 'alice');
    await eventually(
      () => call(certificate),
      ({ code }) => code === 'identity_invalid',
    );
    await keepToken('alice', alice);
    expect((await call(certificate)).status).toBe(200);
  });
});

describe('TLS of the proxy', () => {
  test('agents without a certificate prove themselves by their token, and without either are 407', async () => {
    expect((await call(undefined, asAgent(alice))).status).toBe(200);
    expect(await call()).toEqual({ status: 407, code: 'identity_missing' });
  });

  test('the base URL is served under loopback and --proxy-name alone', async () => {
    expect((await call(undefined, { ...asAgent(alice), host: 'rebound.example' })).code).toBe('authority_mismatch');
  });

  test('a session that was proven once is not resumed: each connection shows its certificate anew', async () => {
    const { certPem, keyPem } = await ca.issueClient([aliceUri]);
    const tickets: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      const socket = connect({
        ...{ host: '127.0.0.1', port: gateway.proxyPort, servername: 'gateway.example', ca: ca.caPem, cert: certPem, key: keyPem },
      });
      socket.on('session', (ticket) => tickets.push(ticket));
      socket.on('error', reject);
      socket.on('close', () => resolve());
      // An answer shows that the handshake, and what could come with it, is over.
      socket.on('data', () => socket.end());
      socket.write('GET /api/v1 HTTP/1.1\r\nHost: gateway.example\r\n\r\n');
    });
    const resumed = await Promise.all(
      tickets.map(
        (session) =>
          new Promise<boolean>((resolve, reject) => {
            const socket = connect(
              { host: '127.0.0.1', port: gateway.proxyPort, servername: 'gateway.example', ca: ca.caPem, session },
              () => {
                resolve(socket.isSessionReused());
                socket.destroy();
              },
            );
            socket.on('error', reject);
          }),
      ),
    );
    expect(resumed).toEqual(tickets.map(() => false));
  });

  test('what speaks no TLS is dropped, and the gateway goes on', async () => {
    await fetch(`http://127.0.0.1:${gateway.proxyPort}/api/v1`).then(
      () => expect.unreachable(),
      () => undefined,
    );
    expect((await call(undefined, asAgent(alice))).status).toBe(200);
  });
});
