import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPeer, type Peer, parseAnswer, peerOf } from '../data-path/sockets.ts';
import { openTunnel, tlsInside } from '../data-path/tunnels.ts';
import { createTestCa, type TestCa } from '../harness/certificates.ts';
import { type DevStack, startDevStack } from '../harness/dev-stack.ts';
import { addAgent, type Gateway, rotateAgentToken, startGateway } from '../harness/gateway.ts';
import { addCredential } from '../harness/lending.ts';
import { startVendor, type Vendor } from '../harness/vendor.ts';

const value = 'sk-gateway-tunnel-0123456789';
let stack: DevStack;
let vendor: Vendor;
let dir: string;
let gateway: Gateway;
let gatewayCa: TestCa;
let alice: string;
let bob: string;

beforeAll(async () => {
  vendor = await startVendor({
    onHead: (incoming, response) => {
      if (incoming.url === '/stream') response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n');
      else response.end('ok');
    },
  });
  stack = await startDevStack();
  await addCredential(stack, vendor, { name: 'api', value });
  alice = await addAgent(stack, 'alice');
  bob = await addAgent(stack, 'bob');
  await stack.ok(['grant', 'add', '--agent', 'alice', '--credential', 'api']);
  dir = await mkdtemp(join(tmpdir(), 'leasehold-gateway-'));
  gatewayCa = await createTestCa('Gateway test CA');
  const { certPem, keyPem } = await gatewayCa.issue(['gateway.example']);
  await writeFile(join(dir, 'cert.pem'), certPem);
  await writeFile(join(dir, 'key.pem'), keyPem, { mode: 0o600 });
  gateway = await startGateway(stack, '--ca-dir', join(dir, 'ca'));
});

afterAll(async () => {
  await gateway?.stop();
  await stack?.close();
  await vendor?.close();
  await rm(dir, { recursive: true, force: true });
});

const authority = () => `localhost:${vendor.port}`;
const proof = (token: string) => `Proxy-Authorization: Bearer ${token}\r\n`;

async function secureTunnel(token: string): Promise<Peer> {
  const tunnel = await openTunnel(gateway.proxyPort, authority(), proof(token));
  return (await tlsInside(tunnel, { ca: await readFile(gateway.agentCaFile), servername: 'localhost' })).peer;
}

describe('a tunnel is its agent’s', () => {
  test('with the grant TLS ends here and the first request goes through; without it the tunnel is refused', async () => {
    const peer = await secureTunnel(alice);
    peer.write(`GET /v1 HTTP/1.1\r\nHost: ${authority()}\r\nConnection: close\r\n\r\n`);
    expect(parseAnswer((await peer.closed()).received).status).toBe(200);
    expect(vendor.seen.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${value}`]);
    await expect(openTunnel(gateway.proxyPort, authority(), proof(bob))).rejects.toThrow(/HTTP\/1\.1 403 Forbidden[\s\S]*no_route/);
  });

  test('no proof and a wrong one are 407 on the raw socket, with what to send', async () => {
    for (const [headers, code] of [
      ['', 'identity_missing'],
      [proof(`lha_${'A'.repeat(43)}`), 'identity_invalid'],
    ] as const) {
      const peer = await openPeer(gateway.proxyPort);
      peer.write(`CONNECT ${authority()} HTTP/1.1\r\nHost: ${authority()}\r\n${headers}\r\n`);
      const answer = parseAnswer((await peer.closed()).received);
      expect([answer.status, answer.headers['x-leasehold-error'], answer.headers['proxy-authenticate']]).toEqual([
        407,
        code,
        'Basic realm="leasehold", Bearer',
      ]);
    }
  });

  test('inside a tunnel another agent’s token changes nothing, and goes nowhere', async () => {
    vendor.seen.length = 0;
    const peer = await secureTunnel(alice);
    peer.write(`GET /v1 HTTP/1.1\r\nHost: ${authority()}\r\n${proof(bob)}Connection: close\r\n\r\n`);
    expect(parseAnswer((await peer.closed()).received).status).toBe(200);
    expect(vendor.seen.map(({ headers }) => [headers.authorization, headers['proxy-authorization']])).toEqual([
      [`Bearer ${value}`, undefined],
    ]);
  });

  test('rotating the token closes the tunnels that the old one opened, idle or in the middle of an answer', async () => {
    const idle = await secureTunnel(alice);
    const busy = await secureTunnel(alice);
    busy.write(`GET /stream HTTP/1.1\r\nHost: ${authority()}\r\n\r\n`);
    await busy.until(/first/);
    alice = await rotateAgentToken(stack, 'alice');
    await Promise.all([idle.closed(), busy.closed()]);
    const anew = await secureTunnel(alice);
    anew.write(`GET /v1 HTTP/1.1\r\nHost: ${authority()}\r\nConnection: close\r\n\r\n`);
    expect(parseAnswer((await anew.closed()).received).status).toBe(200);
  });
});

test('a proxy over TLS takes tunnels, too: TLS inside TLS, each ended where it should be', async () => {
  const overTls = await startGateway(
    stack,
    ...['--ca-dir', join(dir, 'ca-2'), '--proxy-tls-cert-file', join(dir, 'cert.pem'), '--proxy-tls-key-file', join(dir, 'key.pem')],
  );
  try {
    const outer = connect({ host: '127.0.0.1', port: overTls.proxyPort, servername: 'gateway.example', ca: gatewayCa.caPem });
    await once(outer, 'secureConnect');
    const tunnel = peerOf(outer);
    tunnel.write(`CONNECT ${authority()} HTTP/1.1\r\nHost: ${authority()}\r\n${proof(alice)}\r\n`);
    await tunnel.until(/^HTTP\/1\.1 200 Connection Established\r\n\r\n/);
    const { peer } = await tlsInside(tunnel, { ca: await readFile(overTls.agentCaFile), servername: 'localhost' });
    peer.write(`GET /v1 HTTP/1.1\r\nHost: ${authority()}\r\nConnection: close\r\n\r\n`);
    expect(parseAnswer((await peer.closed()).received).status).toBe(200);
    expect(vendor.seen.at(-1)?.headers.authorization).toBe(`Bearer ${value}`);
  } finally {
    await overTls.stop();
  }
});
